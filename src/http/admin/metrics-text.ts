/** The metrics in Prometheus text format. Every name begins with `irisx_`, except standard process metrics. */

import type { Sizes } from '../../core/engine/engine.ts';
import type { HistogramCounts } from '../../core/metrics/counters.ts';
import type { ProcessState } from '../../core/metrics/process-state.ts';
import { REFUSALS } from '../answers.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];
/** One value, several with labels, or a histogram. */
type Values = number | readonly Sample[] | HistogramCounts;

/** @param rssBytes resident memory of the process */
export function metricsText(processState: ProcessState, sizes: Sizes, rssBytes: number): string {
  const { counts, deliveries, statuses, eventLoopDelay, consumers, headSeq } = processState;
  const count = (name: string) => counts[name] ?? 0;
  const families: Readonly<Record<string, readonly [help: string, values: Values]>> = {
    irisx_deliveries_total: [
      'Verified deliveries answered with 200, by event type and answer.',
      deliveries.map(({ type, answer, count: value }) => [{ type, answer }, value]),
    ],
    irisx_answers_total: [
      'Answers of the public port, by HTTP status.',
      Object.entries(statuses).map(([status, value]) => [{ status }, value]),
    ],
    irisx_rejections_total: [
      'Refused requests, by cause.',
      Object.keys(REFUSALS).map((cause) => [{ cause }, count(cause)]),
    ],
    irisx_duplicates_total: ['Deliveries whose body was already in the log.', count('duplicate')],
    irisx_failures_total: [
      'Deliveries that are in the log but could not be used for a table.',
      count('unusable'),
    ],
    irisx_incomplete_total: [
      'Events in the tables without those of their values that are unusable.',
      count('incomplete'),
    ],
    irisx_connections_refused_total: [
      'Connections refused because of a limit.',
      count('connections_refused'),
    ],
    irisx_batch_deliveries: ['Deliveries per transaction.', processState.batchDeliveries],
    irisx_commit_seconds: ['Duration of a transaction, including its fsync.', processState.commitSeconds],
    irisx_queue_deliveries: ['Deliveries waiting for the writer or being written.', processState.queued],
    irisx_storage_ok: ['1 while deliveries can be written.', processState.storage === 'ok' ? 1 : 0],
    irisx_tables_behind: ['Tables that lack events of the log.', processState.lagging.length],
    irisx_log_head_seq: ['The last event of the log that this process knows of.', headSeq],
    irisx_database_bytes: ['Size of the database file.', sizes.database ?? 0],
    irisx_wal_bytes: ['Size of its write-ahead log.', sizes.wal ?? 0],
    irisx_event_loop_delay_p50_seconds: [
      'Median delay of the main thread, over the last one to two minutes.',
      eventLoopDelay.p50S,
    ],
    irisx_event_loop_delay_p99_seconds: [
      'Its 99th percentile, over the last one to two minutes.',
      eventLoopDelay.p99S,
    ],
    irisx_event_loop_delay_max_seconds: [
      'Its maximum, over the last one to two minutes.',
      eventLoopDelay.maxS,
    ],
    irisx_handlers_backlog_events: [
      'Events not yet processed by handlers or forwarding, if they run in this process.',
      consumers.map(({ name, seq }) => [{ consumer: name }, Math.max(0, headSeq - seq)]),
    ],
    process_resident_memory_bytes: ['Resident memory.', rssBytes],
    process_start_time_seconds: [
      'Start of the process, seconds since 1970.',
      processState.startedAtMs / 1000,
    ],
  };
  return Object.entries(families)
    .map(([name, [help, values]]) => family(name, help, values))
    .join('');
}

/** The type follows from the values and from the name. */
function family(name: string, help: string, values: Values): string {
  const isHistogram = typeof values === 'object' && 'bounds' in values;
  const type = isHistogram ? 'histogram' : name.endsWith('_total') ? 'counter' : 'gauge';
  const lines = isHistogram
    ? histogramLines(name, values)
    : typeof values === 'number'
      ? [line(name, {}, values)]
      : values.map(([labels, value]) => line(name, labels, value));
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function histogramLines(name: string, { bounds, counts, count, sum }: HistogramCounts): string[] {
  return [
    ...bounds.map((bound, index) => line(`${name}_bucket`, { le: String(bound) }, counts[index] ?? 0)),
    line(`${name}_bucket`, { le: '+Inf' }, count),
    line(`${name}_sum`, {}, sum),
    line(`${name}_count`, {}, count),
  ];
}

/** Label values are this program's own names, so none of them needs escaping. */
function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}
