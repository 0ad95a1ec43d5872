/** The first page: deliveries, outcomes, and the state of the receiver. */

import type { Sizes } from '../core/engine/engine.ts';
import type { Reader } from '../core/engine/reader.ts';
import type { ConsumerState } from '../core/engine/run-store.ts';
import type { Head } from '../core/event/recorded-event.ts';
import { findEvents } from '../core/inspect/find-events.ts';
import { PAGE_ERROR_CHARS_MAX, PAGE_LATEST_EVENTS_MAX } from '../core/limits.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import { cannotBeShown } from '../core/tables/table-problem.ts';
import { CALLS, SMS } from '../projections/figures.ts';
import { barChart, totalOf } from './bars.ts';
import type { EventCounts } from './event-counts.ts';
import { eventTable } from './events.ts';
import { failureReasons, figuresSince, optOutCounts, type StatusCounts } from './figures.ts';
import { bytes, duration, money, percent, time, whole } from './format.ts';
import { external, type Html, html, table } from './html.ts';
import type { PagesOptions } from './index.ts';
import type { Content } from './layout.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The time windows, each with the step of its bars. */
const DAY = { name: '24 hours', ms: DAY_MS, stepMs: 15 * MINUTE_MS, stepName: 'quarter of an hour' };
const WINDOWS = [
  { name: 'hour', ms: HOUR_MS, stepMs: MINUTE_MS, stepName: 'minute' },
  DAY,
  { name: '7 days', ms: 7 * DAY_MS, stepMs: 2 * HOUR_MS, stepName: 'two hours' },
  { name: '30 days', ms: 30 * DAY_MS, stepMs: 8 * HOUR_MS, stepName: 'eight hours' },
];

/** Answers that are not shown because they do not concern a delivery. */
const NO_DELIVERY = new Set(['healthy', 'challenge', 'endpoints', 'connections_refused']);

/** @param query may select a time window */
export async function overviewContent(
  { engine, reader, databasePath, now }: PagesOptions,
  eventCounts: EventCounts,
  query: URLSearchParams,
  state: ProcessState,
): Promise<Content> {
  const nowMs = now();
  const window = WINDOWS.find(({ name }) => name === query.get('window')) ?? DAY;
  const sinceMs = nowMs - window.ms;
  const bars = await eventCounts.bars(sinceMs, nowMs, window.stepMs);
  const total = bars.reduce((sum, bar) => sum + totalOf(bar), 0);
  const head = await reader.head();
  const main = html`
<section>
<h2>Deliveries recorded <small>in the last ${WINDOWS.map(({ name }, index) => html`${index > 0 && ' · '}${windowLink(name, name === window.name)}`)}</small></h2>
${barChart(bars, window.stepName)}
</section>
${await inThisPeriod(reader, sinceMs, total)}
<section class="half"><h2>Answers <small>since the start, ${time(state.startedAtMs)}</small></h2>${answers(state)}</section>
<section class="half"><h2>Failures <small>events and values in the log that no table could use</small></h2>${await failures(reader)}</section>
<section><h2>Latest events <small><a href="/events">all, with filters</a></small></h2>${eventTable(await findEvents(reader, {}, {}, PAGE_LATEST_EVENTS_MAX))}</section>
<section class="half"><h2>Handlers</h2>${handlers(await engine.consumers(), head.seq)}</section>
<section class="half"><h2>Log</h2>${log(head, await engine.sizes(), databasePath, state)}</section>`;
  return { title: 'Overview', main, refreshes: true };
}

/** What the tables say, unless some must be rebuilt first. */
async function inThisPeriod(reader: Reader, sinceMs: number, events: number): Promise<Html> {
  if ((await reader.tableProblems()).some(cannotBeShown))
    return html`<section><h2>In this period</h2>
<p>Events: ${whole(events)}. The other figures appear when the tables have been rebuilt.</p></section>`;
  const calls = await figuresSince(reader, CALLS, ['calls', 'answer_rate', 'minutes', 'cost'], sinceMs);
  const sms = await figuresSince(reader, SMS, ['outbound', 'delivery_rate', 'received'], sinceMs);
  const optOuts = await optOutCounts(reader, sinceMs);
  return html`<section>
<h2>In this period</h2>
<dl class="tiles">
${tile('events', whole(events))}
${tile('calls', whole(calls.figures.calls ?? 0))}
${tile('answered', percent(calls.figures.answer_rate))}
${tile('minutes', whole(calls.figures.minutes ?? 0))}
${tile('cost (USD)', money(calls.figures.cost ?? 0))}
${tile('SMS sent', whole(sms.figures.outbound ?? 0))}
${tile('SMS delivered', percent(sms.figures.delivery_rate))}
${tile('SMS received', whole(sms.figures.received ?? 0))}
${tile('opted out', whole(optOuts.recent), `of ${whole(optOuts.all)} in total`)}
</dl>
</section>
<section class="half"><h2>Calls by outcome</h2>${statusTable(calls.statuses)}</section>
<section class="half"><h2>Messages by status</h2>${statusTable(sms.statuses)}</section>`;
}

function windowLink(name: string, isChosen: boolean): Html {
  return html`<a href="/?window=${encodeURIComponent(name)}"${isChosen && html` aria-current="true"`}>${name}</a>`;
}

function tile(name: string, value: string, beside = ''): Html {
  return html`<div><dt>${name}</dt><dd>${value} <small>${beside}</small></dd></div>`;
}

function statusTable(statuses: StatusCounts): Html {
  const all = statuses.reduce((sum, [, count]) => sum + count, 0);
  return table(
    [[''], ['', 'number'], ['', 'number'], ['']],
    statuses.map(([status, count]) => [
      status.replace('_', ' '),
      whole(count),
      percent(count / all),
      html`<meter min="0" max="${all}" value="${count}">${percent(count / all)}</meter>`,
    ]),
    'None in this period.',
  );
}

function answers({ counts, statuses }: ProcessState): Html {
  const rows = Object.entries(counts)
    .filter(([code]) => !NO_DELIVERY.has(code))
    .toSorted(([, one], [, other]) => other - one)
    .map(([code, count]) => [code.replaceAll('_', ' '), whole(count)]);
  const byStatus = Object.entries(statuses).map(([status, count]) => `${status}: ${whole(count)}`);
  return html`${rows.length > 0 && html`<p>${byStatus.join(' · ')}</p>`}
${table([['answer or reason for refusal'], ['requests', 'number']], rows, 'None yet.')}`;
}

async function failures(reader: PagesOptions['reader']): Promise<Html> {
  return table(
    [['stage'], ['reason', 'long'], ['events', 'number'], ['last seq', 'number']],
    (await failureReasons(reader)).map(({ stage, error, count, lastSeq }) => [
      stage,
      external(error, PAGE_ERROR_CHARS_MAX),
      whole(count),
      html`<a href="/events/${lastSeq}">${lastSeq}</a>`,
    ]),
    'None.',
  );
}

function handlers(consumers: readonly ConsumerState[], headSeq: number): Html {
  return table(
    [
      ['consumer'],
      ['position (seq)', 'number'],
      ['behind', 'number'],
      ['to be retried', 'number'],
      ['blocked', 'number'],
      ['dead', 'number'],
    ],
    consumers.map(({ name, seq, waiting, blocked, dead }) => [
      name,
      whole(seq),
      whole(Math.max(0, headSeq - seq)),
      whole(waiting),
      whole(blocked),
      dead === 0 ? 0 : html`<span class="bad">${whole(dead)}</span>`,
    ]),
    'No handler has run.',
  );
}

function log(
  { seq, chain }: Head,
  { database, wal, runs }: Sizes,
  databasePath: string | undefined,
  { queued, eventLoopDelay, uptimeS }: ProcessState,
): Html {
  const size = (found: number | undefined) => (found === undefined ? 'none' : bytes(found));
  const ms = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;
  return table(
    [[''], ['', 'long']],
    [
      ['last event', `seq ${whole(seq)}`],
      ['chain', html`<code>${Buffer.from(chain).toString('hex')}</code>`],
      ['database', [size(database), databasePath && html` · <code>${external(databasePath)}</code>`]],
      ['write-ahead log', size(wal)],
      ["handlers' state", size(runs)],
      ['waiting for the writer', whole(queued)],
      ['event loop delay', `${ms(eventLoopDelay.p99S)} (p99), ${ms(eventLoopDelay.maxS)} (maximum)`],
      ['uptime', duration(uptimeS)],
    ],
  );
}
