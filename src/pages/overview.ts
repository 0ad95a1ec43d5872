/** The first page: deliveries, outcomes, and the state of the receiver. */

import type { Engine, Sizes } from '../core/engine/engine.ts';
import type { Reader } from '../core/engine/reader.ts';
import type { ConsumerState } from '../core/engine/run-store.ts';
import type { Head } from '../core/event/recorded-event.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { barChart } from './bars.ts';
import {
  callFigures,
  type FailureFigures,
  failureFigures,
  optOutFigures,
  type StatusCount,
  smsFigures,
} from './figures.ts';
import { bytes, duration, money, percent, time, whole } from './format.ts';
import { foreign, foreignShort, type Html, html } from './html.ts';
import { page } from './layout.ts';
import { Tally } from './tally.ts';

interface Window {
  readonly name: string;
  readonly ms: number;
  readonly stepMs: number;
  readonly stepName: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const WINDOWS: readonly [Window, ...Window[]] = [
  { name: '24 hours', ms: DAY_MS, stepMs: 15 * MINUTE_MS, stepName: 'quarter of an hour' },
  { name: 'hour', ms: HOUR_MS, stepMs: MINUTE_MS, stepName: 'minute' },
  { name: '7 days', ms: 7 * DAY_MS, stepMs: 2 * HOUR_MS, stepName: 'two hours' },
  { name: '30 days', ms: 30 * DAY_MS, stepMs: 8 * HOUR_MS, stepName: 'eight hours' },
];

const ERROR_CHARS_MAX = 160;
/** Answers that are not shown because they do not concern a delivery. */
const NO_DELIVERY = new Set(['healthy', 'challenge', 'endpoints', 'connections_refused']);

export interface OverviewOptions {
  readonly engine: Engine;
  readonly reader: Reader;
  /** Shown if the database is a file. */
  readonly databasePath?: string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** The latest events, as the events page shows them. */
  readonly latest: () => Promise<Html>;
}

/** @returns a function that makes the page; `query` may select a time window */
export function createOverview(
  options: OverviewOptions,
): (query: URLSearchParams, processState: ProcessState) => Promise<Page> {
  const { engine, reader, databasePath } = options;
  const tally = new Tally(reader);

  return async (query, processState) => {
    const nowMs = options.now();
    const window = WINDOWS.find(({ name }) => name === query.get('window')) ?? WINDOWS[0];
    const sinceMs = nowMs - window.ms;
    const bars = await tally.bars(sinceMs, nowMs, window.stepMs);
    const calls = await callFigures(reader, sinceMs);
    const sms = await smsFigures(reader, sinceMs);
    const optOuts = await optOutFigures(reader, sinceMs);
    const failed = await failureFigures(reader);
    const latest = await options.latest();
    const head = await reader.head();
    const consumers = await engine.consumers();
    const sizes = await engine.sizes();
    const events = bars.reduce(
      (sum, { counts, uncounted }) => counts.reduce((a, b) => a + b, sum + uncounted),
      0,
    );
    const main = html`
<section>
<h2>Deliveries recorded <small>in the last ${windows(window)}</small></h2>
${barChart(bars, window.stepName)}
</section>
<section>
<h2>In this period</h2>
<dl class="tiles">
${tile('events', whole(events))}
${tile('calls', whole(calls.calls))}
${tile('answered', percent(calls.calls === 0 ? null : calls.answered / calls.calls))}
${tile('minutes', whole(calls.seconds / 60))}
${tile('cost', money(calls.costMicros))}
${tile('SMS sent', whole(sms.outbound))}
${tile('SMS delivered', percent(sms.deliveryRate))}
${tile('SMS received', whole(sms.received))}
${tile('opted out', whole(optOuts.recent), `of ${whole(optOuts.all)} in total`)}
</dl>
</section>
<section class="half"><h2>Calls by outcome</h2>${statuses(calls.outcomes)}</section>
<section class="half"><h2>Messages by status</h2>${statuses(sms.statuses)}</section>
<section class="half"><h2>Answers <small>since the start, ${time(processState.startedAtMs)}</small></h2>${answers(processState)}</section>
<section class="half"><h2>Failures <small>in the log, but not usable for a table</small></h2>${failures(failed)}</section>
<section><h2>Latest events <small><a href="/events">all, with filters</a></small></h2>${latest}</section>
<section class="half"><h2>Handlers</h2>${handlers(consumers, head.seq)}</section>
<section class="half"><h2>Log</h2>${logState(head, sizes, databasePath, processState)}</section>`;
    return page({ title: 'Overview', refreshes: true, processState, main });
  };

  function windows(chosen: Window): Html {
    const links = WINDOWS.toSorted((one, other) => one.ms - other.ms).map(({ name }, index) => {
      const isChosen = name === chosen.name;
      const link = html`<a href="/?window=${encodeURIComponent(name)}"${isChosen && html` aria-current="true"`}>${name}</a>`;
      return html`${index > 0 && ' · '}${link}`;
    });
    return html`${links}`;
  }
}

function tile(name: string, value: string, beside = ''): Html {
  return html`<div><dt>${name}</dt><dd>${value} <small>${beside}</small></dd></div>`;
}

function statuses(outcomes: readonly StatusCount[]): Html {
  const all = outcomes.reduce((sum, { count }) => sum + count, 0);
  if (all === 0) return none('None in this period.');
  const row = ({ status, count }: StatusCount) =>
    html`<tr><td>${status.replace('_', ' ')}</td><td class="number">${whole(count)}</td><td class="number">${percent(count / all)}</td><td><meter min="0" max="${all}" value="${count}">${percent(count / all)}</meter></td></tr>`;
  return html`<table><tbody>${outcomes.map(row)}</tbody></table>`;
}

function answers({ counts, statuses: byStatus }: ProcessState): Html {
  const rows = Object.entries(counts)
    .filter(([code]) => !NO_DELIVERY.has(code))
    .toSorted(([, one], [, other]) => other - one);
  if (rows.length === 0) return none('None yet.');
  const statusTexts = Object.entries(byStatus).map(([status, count]) => `${status}: ${whole(count)}`);
  return html`<p>${statusTexts.join(' · ')}</p>
<table><thead><tr><th>answer or reason for refusal</th><th class="number">requests</th></tr></thead>
<tbody>${rows.map(([code, count]) => html`<tr><td>${code.replaceAll('_', ' ')}</td><td class="number">${whole(count)}</td></tr>`)}</tbody></table>`;
}

function failures(found: readonly FailureFigures[]): Html {
  if (found.length === 0) return none('None.');
  const row = ({ stage, error, count, lastSeq }: FailureFigures) =>
    html`<tr><td>${stage}</td><td class="long">${foreignShort(error, ERROR_CHARS_MAX)}</td><td class="number">${whole(count)}</td><td class="number"><a href="/events/${lastSeq}">${lastSeq}</a></td></tr>`;
  return html`<div class="scroll"><table><thead><tr><th>stage</th><th>reason</th><th class="number">events</th><th class="number">last seq</th></tr></thead>
<tbody>${found.map(row)}</tbody></table></div>`;
}

function handlers(consumers: readonly ConsumerState[], headSeq: number): Html {
  if (consumers.length === 0) return none('No handler has run.');
  const row = ({ name, seq, waiting, dead }: ConsumerState) =>
    html`<tr><td>${name}</td><td class="number">${whole(seq)}</td><td class="number">${whole(Math.max(0, headSeq - seq))}</td><td class="number">${whole(waiting)}</td><td class="number${dead > 0 && ' bad'}">${whole(dead)}</td></tr>`;
  return html`<div class="scroll"><table><thead><tr><th>consumer</th><th class="number">position (seq)</th><th class="number">behind</th><th class="number">to be retried</th><th class="number">dead</th></tr></thead>
<tbody>${consumers.map(row)}</tbody></table></div>`;
}

function logState(
  { seq, chain }: Head,
  { database, wal, runs }: Sizes,
  databasePath: string | undefined,
  processState: ProcessState,
): Html {
  const { eventLoopDelay, queued } = processState;
  const size = (found: number | undefined) => (found === undefined ? 'none' : bytes(found));
  const rows: [string, Html | string][] = [
    ['last event', html`seq ${whole(seq)}`],
    ['chain', html`<code>${Buffer.from(chain).toString('hex')}</code>`],
    [
      'database',
      html`${size(database)}${databasePath !== undefined && html` · <code>${foreign(databasePath)}</code>`}`,
    ],
    ['write-ahead log', size(wal)],
    ["handlers' state", size(runs)],
    ['waiting for the writer', whole(queued)],
    [
      'event loop delay',
      `${(eventLoopDelay.p99S * 1000).toFixed(1)} ms (p99), ${(eventLoopDelay.maxS * 1000).toFixed(1)} ms (maximum)`,
    ],
    ['uptime', duration(processState.uptimeS)],
  ];
  return html`<table><tbody>${rows.map(([name, value]) => html`<tr><td>${name}</td><td class="long">${value}</td></tr>`)}</tbody></table>`;
}

function none(text: string): Html {
  return html`<p class="quiet">${text}</p>`;
}
