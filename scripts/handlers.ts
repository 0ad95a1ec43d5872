/** `./irisx handlers`: shows the progress and the failed runs of handlers and forwarding; retries or skips runs. */

import type { Engine } from '../src/core/engine/engine.ts';
import type { Reader } from '../src/core/engine/reader.ts';
import type { ConsumerState, RunStore } from '../src/core/engine/run-store.ts';
import { RUN_ATTEMPTS_MAX } from '../src/core/limits.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { absenceOf } from '../src/core/runs/starting-position.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, executeCommand, flags, UsageError, withValue } from './cli/command.ts';
import { readEnvironment, requireDatabase } from './cli/environment.ts';
import { counted, duration, grouped } from './cli/numbers.ts';
import { print } from './cli/output.ts';

const USAGE = `
${IRISX} handlers status
${IRISX} handlers failed
${IRISX} handlers retry SEQ … | retry --all
${IRISX} handlers skip SEQ …
${IRISX} handlers resume handlers|forward --from stopped|now
${IRISX} handlers --replay-from SEQ [--only handlers|forward]
Shows and controls the runs of handlers and of forwarding, also while the server runs.

  status         the progress of handlers and of forwarding, and how many runs have failed
  failed         failed runs: those that will be retried, and those that are dead, after up to ${RUN_ATTEMPTS_MAX} attempts
  retry          tries failed runs again now, with their full number of attempts
  skip           drops failed runs: they are not tried again
  resume         lets handlers or forwarding run again after more than a day without running: --from stopped runs the
                 missed events; --from now skips them, and failed runs become dead
  --replay-from  runs all events from this one on again, including those that succeeded; a SEQ just beyond the log's
                 end skips everything that has not run yet
  --only         replays only handlers, or only forward
`;

const OPTIONS = { ...withValue('from', 'replay-from', 'only'), ...flags('all') };

const FAILED_MAX = 1000;
const ERROR_CHARS_MAX = 200;

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const [command, ...rest] = positionals;
  const replayFrom = values['replay-from'];
  if ((command === undefined) === (replayFrom === undefined))
    throw new UsageError('give a command (status, failed, retry, skip, resume) or --replay-from SEQ');
  if (values.all === true && command !== 'retry') throw new UsageError('--all is for retry');
  if (values.from !== undefined && command !== 'resume') throw new UsageError('--from is for resume');
  if (values.only !== undefined && replayFrom === undefined)
    throw new UsageError('--only is for --replay-from');

  const config = readEnvironment();
  const engine = await requireDatabase(config);
  if ((await engine.sizes()).runs === undefined) {
    throw new Error(
      'no handler has run yet: set HANDLERS or FORWARD_URL, or write one in src/handlers, and start the server',
    );
  }
  const store = await engine.openRuns();
  const reader = await engine.openReader();
  try {
    if (replayFrom !== undefined) {
      const code = await replay(store, reader, seqOf(replayFrom), values.only);
      await printAbsences(store, reader);
      return code;
    }
    if (command === 'status') return none(rest) ?? (await status(store, reader, engine));
    if (command === 'failed') return none(rest) ?? (await failed(store));
    if (command === 'retry') {
      const code = await retry(store, values.all === true, rest.map(seqOf));
      await printAbsences(store, reader);
      return code;
    }
    if (command === 'skip') return await skip(store, rest.map(seqOf));
    if (command === 'resume') return await resume(store, reader, rest, values.from);
    throw new UsageError(
      `unknown command ${JSON.stringify(command)}; commands: status, failed, retry, skip, resume`,
    );
  } finally {
    await reader.close();
    await store.close();
  }
}

/** Runs of a consumer that was away for too long do not start before it is resumed. */
async function printAbsences(store: RunStore, reader: Reader): Promise<void> {
  const { seq } = await reader.head();
  for (const consumer of await store.consumers()) {
    const absence = absenceOf(consumer, seq, Date.now());
    if (absence !== undefined) await print([absence]);
  }
}

function seqOf(text: string): number {
  const seq = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (seq === 0) throw new UsageError(`${JSON.stringify(text)} is not a seq: give a whole number from 1`);
  return seq;
}

function none(rest: readonly string[]): undefined {
  if (rest.length > 0) throw new UsageError(`unknown argument ${JSON.stringify(rest[0])}`);
  return undefined;
}

async function status(store: RunStore, reader: Reader, engine: Engine): Promise<number> {
  const head = (await reader.head()).seq;
  const giveUpLead = await engine.leadRuns();
  await giveUpLead?.();
  const isServed = giveUpLead === undefined;
  const consumers = await store.consumers();
  const rows = consumers.map((consumer) => [
    consumer.name,
    stateOf(consumer, isServed),
    grouped(consumer.seq),
    grouped(Math.max(0, head - consumer.seq)),
    grouped(consumer.waiting),
    grouped(consumer.dead),
  ]);
  await print(alignedLines(['consumer', 'state', 'seq', 'behind', 'waiting', 'dead'], rows, [2, 3, 4, 5]));
  const server = isServed ? 'a server is running' : 'no server is running';
  await print([`the log's last event is seq ${grouped(head)}; ${server}`]);
  await printAbsences(store, reader);
  return 0;
}

/** A running server marks the consumers that it runs. The others ran in an earlier server. */
function stateOf({ state }: ConsumerState, isServed: boolean): string {
  if (!isServed) return 'stopped';
  return state === 'stopped' ? 'not configured' : state;
}

async function resume(
  store: RunStore,
  reader: Reader,
  [name = '', ...more]: readonly string[],
  from: string | undefined,
): Promise<number> {
  const consumer = await store.consumer(name);
  if (consumer === undefined || more.length > 0) {
    const names = (await store.consumers()).map((each) => each.name);
    throw new UsageError(`resume needs one of ${names.join(', ')}`);
  }
  if (from !== 'stopped' && from !== 'now') throw new UsageError('resume needs --from stopped or --from now');
  const head = await reader.head();
  if (absenceOf(consumer, head.seq, Date.now()) === undefined) {
    await print([`${name} is not held up: there is nothing to resume`]);
    return 1;
  }
  await store.resume(name, from === 'now' ? head : undefined, Date.now());
  const missed = counted(Math.max(0, head.seq - consumer.seq), 'event');
  await print([
    from === 'now'
      ? `${name} continues after seq ${head.seq}; ${missed} skipped`
      : `${name} runs the ${missed} it missed`,
  ]);
  return 0;
}

async function failed(store: RunStore): Promise<number> {
  const runs = await store.failed(FAILED_MAX + 1);
  const nowMs = Date.now();
  const rows = runs
    .slice(0, FAILED_MAX)
    .map(({ consumer, seq, attempts, nextAtMs, error }) => [
      String(seq),
      consumer,
      String(attempts),
      nextAtMs === null ? 'dead' : nextAtMs <= nowMs ? 'now' : `in ${duration(nextAtMs - nowMs)}`,
      harmless(error, ERROR_CHARS_MAX),
    ]);
  if (rows.length === 0) await print(['no run has failed']);
  else await print(alignedLines(['seq', 'consumer', 'attempts', 'next', 'error'], rows, [0, 2]));
  if (runs.length > FAILED_MAX) await print([`only the first ${grouped(FAILED_MAX)} are shown`]);
  return 0;
}

async function retry(store: RunStore, isAll: boolean, seqs: readonly number[]): Promise<number> {
  if (isAll === seqs.length > 0) throw new UsageError('retry needs SEQ … or --all');
  const count = await store.retry(isAll ? undefined : seqs, Date.now());
  await print([`${counted(count, 'run')} will be tried again now`]);
  return isAll ? 0 : noteOthers(seqs, count);
}

async function skip(store: RunStore, seqs: readonly number[]): Promise<number> {
  if (seqs.length === 0) throw new UsageError('skip needs SEQ …');
  const count = await store.skip(seqs);
  await print([`${counted(count, 'run')} will not be tried again`]);
  return noteOthers(seqs, count);
}

/** Reports it if some of the given events have no failed run. @returns the exit code, which is 1 in that case */
async function noteOthers(seqs: readonly number[], count: number): Promise<number> {
  if (count >= new Set(seqs).size) return 0;
  await print([
    'the others have no failed run: see handlers failed; --replay-from also runs what has succeeded',
  ]);
  return 1;
}

async function replay(
  store: RunStore,
  reader: Reader,
  from: number,
  only: string | undefined,
): Promise<number> {
  const names = (await store.consumers()).map(({ name }) => name);
  if (only !== undefined && !names.includes(only))
    throw new UsageError(`--only must be ${names.join(' or ')}, not ${JSON.stringify(only)}`);
  const head = (await reader.head()).seq;
  if (from > head + 1) throw new UsageError(`--replay-from must be from 1 to ${head + 1}, not ${from}`);
  const chain = await reader.chainOf(from - 1);
  for (const name of only === undefined ? names : [only]) await store.replayFrom(name, from, chain);
  await print([`${counted(head - from + 1, 'event')} from seq ${from} onward will run again`]);
  return 0;
}

await executeCommand(USAGE, OPTIONS, main);
