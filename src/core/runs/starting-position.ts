/**
 * Where a consumer starts: at its stored position if that event is still in this log, otherwise at the end of the log.
 * If it has not run for long, an operator decides about the events that it missed: setting a variable again must not
 * post old events.
 */

import type { ConsumerState, Position } from '../engine/run-store.ts';
import { CONSUMER_ABSENCE_MS } from '../limits.ts';
import { IRISX } from '../packaging.ts';
import type { ProgressOptions } from './progress.ts';

/** A new consumer skips the events that are already in the log. */
export async function startingPosition(options: ProgressOptions): Promise<Position> {
  const { consumer, reader, store, tools } = options;
  const head = await reader.head();
  // In a restored log, new events get the numbers of lost ones: unfinished events with these numbers are others.
  await store.forgetAfter(consumer.name, head.seq);
  const position = await store.consumer(consumer.name);
  if (position !== undefined && Buffer.compare(position.chain, await reader.chainOf(position.seq)) === 0)
    return position;
  if (position !== undefined)
    tools.log(
      'warn',
      `${consumer.name}: event ${position.seq}, the last one seen, is not in this log, which may have been restored from a backup; continuing after its end, seq ${head.seq}; to start earlier, run ${IRISX} handlers --replay-from SEQ`,
    );
  await store.moveTo(consumer.name, head.seq, await reader.chainOf(head.seq));
  return (await store.consumer(consumer.name)) as Position;
}

/**
 * @param head the log's last seq @param nowMs wall clock
 * @returns why the consumer must wait for an operator, in one line; undefined if it may run
 */
export function absenceOf(state: ConsumerState | undefined, head: number, nowMs: number): string | undefined {
  if (state === undefined || state.ranAtMs === null || nowMs - state.ranAtMs <= CONSUMER_ABSENCE_MS)
    return undefined;
  const behind = Math.max(0, head - state.seq);
  if (behind === 0 && state.waiting === 0) return undefined;
  const { name, waiting, ranAtMs } = state;
  const since = new Date(ranAtMs).toISOString();
  const resume = `${IRISX} handlers resume ${name} --from`;
  return `${name}: last ran at ${since}; events missed since then: ${behind}, failed runs: ${waiting}; nothing runs until you enter \`${resume} stopped\` (runs them) or \`${resume} now\` (skips them)`;
}
