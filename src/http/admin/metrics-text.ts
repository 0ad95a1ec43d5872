/** The metrics in Prometheus text format. Every name begins with `irisx_`, except standard process metrics. */

import type { Sizes } from '../../core/engine/engine.ts';
import type { HistogramCounts } from '../../core/metrics/counters.ts';
import type { ProcessState } from '../../core/metrics/process-state.ts';
import { REFUSALS } from '../answers.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** @param rssBytes resident memory of the process */
export function metricsText(processState: ProcessState, sizes: Sizes, rssBytes: number): string {
  const { counts, deliveries, eventLoopDelay, consumers, headSeq } = processState;
  const count = (name: string) => counts[name] ?? 0;
  return [
    counter(
      'irisx_deliveries_total',
      'Verified deliveries answered with 200, by event type and answer.',
      deliveries.map(({ type, answer, count: value }) => [{ type, answer }, value]),
    ),
    counter(
      'irisx_answers_total',
      'Answers of the public port, by HTTP status.',
      Object.entries(processState.statuses).map(([status, value]) => [{ status }, value]),
    ),
    counter(
      'irisx_rejections_total',
      'Refused requests, by cause.',
      Object.keys(REFUSALS).map((cause) => [{ cause }, count(cause)]),
    ),
    counter('irisx_duplicates_total', 'Deliveries whose body was already in the log.', [
      [{}, count('duplicate')],
    ]),
    counter('irisx_failures_total', 'Deliveries that are in the log but could not be used for a table.', [
      [{}, count('unusable')],
    ]),
    counter('irisx_connections_refused_total', 'Connections refused because of a limit.', [
      [{}, count('connections_refused')],
    ]),
    histogram('irisx_batch_deliveries', 'Deliveries per transaction.', processState.batchDeliveries),
    histogram(
      'irisx_commit_seconds',
      'Duration of a transaction, including its fsync.',
      processState.commitSeconds,
    ),
    gauge('irisx_queue_deliveries', 'Deliveries waiting for the writer or being written.', [
      [{}, processState.queued],
    ]),
    gauge('irisx_storage_ok', '1 while deliveries can be written.', [
      [{}, processState.storage === 'ok' ? 1 : 0],
    ]),
    gauge('irisx_tables_behind', 'Tables that lack events of the log.', [[{}, processState.lagging.length]]),
    gauge('irisx_log_head_seq', 'The last event of the log that this process knows of.', [[{}, headSeq]]),
    gauge('irisx_database_bytes', 'Size of the database file.', [[{}, sizes.database ?? 0]]),
    gauge('irisx_wal_bytes', 'Size of its write-ahead log.', [[{}, sizes.wal ?? 0]]),
    gauge('irisx_event_loop_delay_seconds', 'Delay of the main thread, over the last one to two minutes.', [
      [{ quantile: '0.5' }, eventLoopDelay.p50S],
      [{ quantile: '0.99' }, eventLoopDelay.p99S],
      [{ quantile: '1' }, eventLoopDelay.maxS],
    ]),
    gauge(
      'irisx_handlers_backlog_events',
      'Events not yet processed by handlers or forwarding, if they run in this process.',
      consumers.map(({ name, settledSeq }) => [{ consumer: name }, Math.max(0, headSeq - settledSeq)]),
    ),
    gauge('process_resident_memory_bytes', 'Resident memory.', [[{}, rssBytes]]),
    gauge('process_start_time_seconds', 'Start of the process, seconds since 1970.', [
      [{}, processState.startedAtMs / 1000],
    ]),
  ].join('');
}

function counter(name: string, help: string, samples: readonly Sample[]): string {
  return family(
    name,
    help,
    'counter',
    samples.map((sample) => line(name, ...sample)),
  );
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  return family(
    name,
    help,
    'gauge',
    samples.map((sample) => line(name, ...sample)),
  );
}

function histogram(name: string, help: string, { bounds, counts, count, sum }: HistogramCounts): string {
  return family(name, help, 'histogram', [
    ...bounds.map((bound, index) => line(`${name}_bucket`, { le: String(bound) }, counts[index] ?? 0)),
    line(`${name}_bucket`, { le: '+Inf' }, count),
    line(`${name}_sum`, {}, sum),
    line(`${name}_count`, {}, count),
  ]);
}

function family(name: string, help: string, type: string, lines: readonly string[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** Label values are this program's own names, so none of them needs escaping. */
function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}
