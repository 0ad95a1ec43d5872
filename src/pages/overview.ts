/** The first page: deliveries, outcomes, and the state of the receiver. */

import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { Snapshot } from '../core/metrics/snapshot.ts';
import type { Page } from '../core/page.ts';
import { EventLog } from '../engines/sqlite/log/event-log.ts';
import { EventTimes } from '../engines/sqlite/log/event-times.ts';
import type { ConsumerState } from '../engines/sqlite/run-store.ts';
import { runStorePath } from '../engines/sqlite/run-store-file.ts';
import { barChart } from './bars.ts';
import { consumersOf } from './consumers.ts';
import { type Failure, Figures, type StatusCount } from './figures.ts';
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
  readonly database: Database;
  readonly databasePath: string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** The latest events, as the events page shows them. */
  readonly latest: () => Html;
}

/** @returns a function that makes the page; `query` may select a time window */
export function createOverview(
  options: OverviewOptions,
): (query: URLSearchParams, snapshot: Snapshot) => Page {
  const { database, databasePath } = options;
  const log = new EventLog(database);
  const tally = new Tally(new EventTimes(database));
  const figures = new Figures(database);

  return (query, snapshot) => {
    const nowMs = options.now();
    const window = WINDOWS.find(({ name }) => name === query.get('window')) ?? WINDOWS[0];
    const sinceMs = nowMs - window.ms;
    const bars = tally.bars(sinceMs, nowMs, window.stepMs);
    const calls = figures.calls(sinceMs);
    const sms = figures.sms(sinceMs);
    const optOuts = figures.optOuts(sinceMs);
    const head = log.head();
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
<section class="half"><h2>Answers <small>since the start, ${time(snapshot.startedAtMs)}</small></h2>${answers(snapshot)}</section>
<section class="half"><h2>Failures <small>in the log, but not usable for a table</small></h2>${failures(figures.failures())}</section>
<section><h2>Latest events <small><a href="/events">all, with filters</a></small></h2>${options.latest()}</section>
<section class="half"><h2>Handlers</h2>${handlers(consumersOf(runStorePath(databasePath)), head.seq)}</section>
<section class="half"><h2>Log</h2>${logState(databasePath, head, snapshot)}</section>`;
    return page({ title: 'Overview', refreshes: true, snapshot, main });
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

function answers({ counts, statuses: byStatus }: Snapshot): Html {
  const rows = Object.entries(counts)
    .filter(([code]) => !NO_DELIVERY.has(code))
    .toSorted(([, one], [, other]) => other - one);
  if (rows.length === 0) return none('None yet.');
  const statusTexts = Object.entries(byStatus).map(([status, count]) => `${status}: ${whole(count)}`);
  return html`<p>${statusTexts.join(' · ')}</p>
<table><thead><tr><th>answer or reason for refusal</th><th class="number">requests</th></tr></thead>
<tbody>${rows.map(([code, count]) => html`<tr><td>${code.replaceAll('_', ' ')}</td><td class="number">${whole(count)}</td></tr>`)}</tbody></table>`;
}

function failures(found: readonly Failure[]): Html {
  if (found.length === 0) return none('None.');
  const row = ({ stage, error, count, lastSeq }: Failure) =>
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
  databasePath: string,
  { seq, chain }: { seq: number; chain: Uint8Array },
  snapshot: Snapshot,
): Html {
  const { eventLoopDelay, queued } = snapshot;
  const size = (path: string) => {
    const found = statSync(path, { throwIfNoEntry: false })?.size;
    return found === undefined ? 'none' : bytes(found);
  };
  const rows: [string, Html | string][] = [
    ['last event', html`seq ${whole(seq)}`],
    ['chain', html`<code>${Buffer.from(chain).toString('hex')}</code>`],
    ['database', html`${size(databasePath)} · <code>${foreign(databasePath)}</code>`],
    ['write-ahead log', size(`${databasePath}-wal`)],
    ["handlers' state", size(runStorePath(databasePath))],
    ['waiting for the writer', whole(queued)],
    [
      'event loop delay',
      `${(eventLoopDelay.p99S * 1000).toFixed(1)} ms (p99), ${(eventLoopDelay.maxS * 1000).toFixed(1)} ms (maximum)`,
    ],
    ['uptime', duration(snapshot.uptimeS)],
  ];
  return html`<table><tbody>${rows.map(([name, value]) => html`<tr><td>${name}</td><td class="long">${value}</td></tr>`)}</tbody></table>`;
}

function none(text: string): Html {
  return html`<p class="quiet">${text}</p>`;
}
