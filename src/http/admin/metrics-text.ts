/** The metrics in Prometheus text format. Every name begins with `irisx_`, except standard process metrics. */

import type { Sizes } from '../../core/engine/engine.ts';
import type { HistogramCounts } from '../../core/metrics/counters.ts';
import type { ProcessState } from '../../core/metrics/process-state.ts';
import { REFUSALS } from '../answers.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** @param rssBytes resident memory of the process */
export function metricsText(processState: ProcessState, sizes: Sizes, rssBytes: number): string {
  const { counts, deliveries, statuses, eventLoopDelay, consumers, headSeq } = processState;
  const count = (name: string) => counts[name] ?? 0;
  return [
    family(
      'irisx_deliveries_total',
      'Verified deliveries answered with 200, by event type and answer.',
      deliveries.map(({ type, answer, count: value }) => [{ type, answer }, value]),
    ),
    family(
      'irisx_answers_total',
      'Answers of the public port, by HTTP status.',
      Object.entries(statuses).map(([status, value]) => [{ status }, value]),
    ),
    family(
      'irisx_rejections_total',
      'Refused requests, by cause.',
      Object.keys(REFUSALS).map((cause) => [{ cause }, count(cause)]),
    ),
    family('irisx_duplicates_total', 'Deliveries whose body was already in the log.', count('duplicate')),
    family(
      'irisx_failures_total',
      'Deliveries that are in the log but could not be used for a table.',
      count('unusable'),
    ),
    family(
      'irisx_connections_refused_total',
      'Connections refused because of a limit.',
      count('connections_refused'),
    ),
    family('irisx_batch_deliveries', 'Deliveries per transaction.', processState.batchDeliveries),
    family(
      'irisx_commit_seconds',
      'Duration of a transaction, including its fsync.',
      processState.commitSeconds,
    ),
    family(
      'irisx_queue_deliveries',
      'Deliveries waiting for the writer or being written.',
      processState.queued,
    ),
    family('irisx_storage_ok', '1 while deliveries can be written.', processState.storage === 'ok' ? 1 : 0),
    family('irisx_tables_behind', 'Tables that lack events of the log.', processState.lagging.length),
    family('irisx_log_head_seq', 'The last event of the log that this process knows of.', headSeq),
    family('irisx_database_bytes', 'Size of the database file.', sizes.database ?? 0),
    family('irisx_wal_bytes', 'Size of its write-ahead log.', sizes.wal ?? 0),
    family('irisx_event_loop_delay_seconds', 'Delay of the main thread, over the last one to two minutes.', [
      [{ quantile: '0.5' }, eventLoopDelay.p50S],
      [{ quantile: '0.99' }, eventLoopDelay.p99S],
      [{ quantile: '1' }, eventLoopDelay.maxS],
    ]),
    family(
      'irisx_handlers_backlog_events',
      'Events not yet processed by handlers or forwarding, if they run in this process.',
      consumers.map(({ name, settledSeq }) => [{ consumer: name }, Math.max(0, headSeq - settledSeq)]),
    ),
    family('process_resident_memory_bytes', 'Resident memory.', rssBytes),
    family(
      'process_start_time_seconds',
      'Start of the process, seconds since 1970.',
      processState.startedAtMs / 1000,
    ),
  ].join('');
}

/** @param values one value, several with labels, or a histogram. The type follows from them and from the name. */
function family(name: string, help: string, values: number | readonly Sample[] | HistogramCounts): string {
  const isHistogram = typeof values === 'object' && 'bounds' in values;
  const type = isHistogram ? 'histogram' : name.endsWith('_total') ? 'counter' : 'gauge';
  const samples = isHistogram
    ? histogramLines(name, values)
    : (typeof values === 'number' ? [[{}, values] as const] : values).map((sample) => line(name, ...sample));
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('')}`;
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
