/** `./irisx handlers`: shows the progress and the failed runs of handlers and forwarding; retries or skips runs. */

import type { Engine } from '../src/core/engine/engine.ts';
import type { Reader } from '../src/core/engine/reader.ts';
import type { ConsumerState, RunStore } from '../src/core/engine/run-store.ts';
import type { Head } from '../src/core/event/recorded-event.ts';
import { RUN_ATTEMPTS_MAX } from '../src/core/limits.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { absenceOf } from '../src/core/runs/starting-position.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { readEnvironment, withLog } from './cli/environment.ts';
import { counted, duration, grouped } from './cli/numbers.ts';
import { FLAG, knownName, option, readSeq, refuseMore, TEXT, UsageError } from './cli/options.ts';
import { print } from './cli/output.ts';

const USAGE = `
${IRISX} handlers status
${IRISX} handlers failed
${IRISX} handlers retry SEQ … | retry --all
${IRISX} handlers skip SEQ …
${IRISX} handlers resume handlers|forward --from stopped|now
${IRISX} handlers --replay-from SEQ [--only handlers|forward]
Shows and controls the runs of handlers and of forwarding, also while the server runs.

  status         the progress of handlers and of forwarding; how many runs wait for their next attempt, are blocked by
                 an earlier run of the same subject, or are dead
  failed         failed runs: those that will be retried, and those that are dead, after up to ${RUN_ATTEMPTS_MAX} attempts;
                 and how many later runs of the same subject each one blocks
  retry          tries failed runs again now, with their full number of attempts
  skip           drops failed runs: they are not tried again
  resume         lets handlers or forwarding run again after more than a day without running: --from stopped runs the
                 missed events; --from now skips them, and failed runs become dead
  --replay-from  runs all events from this one on again, including those that succeeded; a SEQ just beyond the log's
                 end skips everything that has not run yet
  --only         replays only handlers, or only forward
`;

const OPTIONS = { from: TEXT, 'replay-from': option(readSeq), only: TEXT, all: FLAG };

const FAILED_MAX = 1000;
const ERROR_CHARS_MAX = 200;

/** The opened state of the consumers, and the arguments after the command. */
interface Given {
  readonly engine: Engine;
  readonly store: RunStore;
  readonly reader: Reader;
  /** The log's last event. */
  readonly head: Head;
  readonly rest: readonly string[];
  readonly values: Arguments<typeof OPTIONS>['values'];
}

/** By name: each returns the exit code. */
const COMMANDS = { status, failed, retry, skip, resume };
const NAMES = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[];

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const [name, ...rest] = positionals;
  const replayFrom = values['replay-from'];
  if ((name === undefined) === (replayFrom === undefined))
    throw new UsageError(`give a command (${NAMES.join(', ')}) or --replay-from SEQ`);
  if (values.all && name !== 'retry') throw new UsageError('--all is for retry');
  if (values.from !== undefined && name !== 'resume') throw new UsageError('--from is for resume');
  if (values.only !== undefined && replayFrom === undefined)
    throw new UsageError('--only is for --replay-from');

  return withLog(readEnvironment(), async ({ engine, reader }) => {
    if ((await engine.sizes()).runs === undefined) {
      throw new Error(
        'no handler has run yet: set HANDLERS or FORWARD_URL, or write one in src/handlers, and start the server',
      );
    }
    const store = await engine.openRuns();
    try {
      const given = { engine, store, reader, head: await reader.head(), rest, values };
      if (replayFrom !== undefined) return await replay(given, replayFrom);
      return await COMMANDS[knownName('command', name ?? '', NAMES)](given);
    } finally {
      await store.close();
    }
  });
}

/** Runs of a consumer that was away for too long do not start before it is resumed. */
async function printAbsences({ store, head }: Given): Promise<void> {
  for (const consumer of await store.consumers()) {
    const absence = absenceOf(consumer, head.seq, Date.now());
    if (absence !== undefined) await print([absence]);
  }
}

async function status(given: Given): Promise<number> {
  const { engine, store, head } = given;
  refuseMore(given.rest);
  const giveUpLead = await engine.leadRuns();
  await giveUpLead?.();
  const isServed = giveUpLead === undefined;
  const rows = (await store.consumers()).map((consumer) => [
    consumer.name,
    stateOf(consumer, isServed),
    grouped(consumer.seq),
    grouped(Math.max(0, head.seq - consumer.seq)),
    grouped(consumer.waiting),
    grouped(consumer.blocked),
    grouped(consumer.dead),
  ]);
  const names = ['consumer', 'state', 'seq', 'behind', 'waiting', 'blocked', 'dead'];
  await print(alignedLines(names, rows, [2, 3, 4, 5, 6]));
  const server = isServed ? 'a server is running' : 'no server is running';
  await print([`the log's last event is seq ${grouped(head.seq)}; ${server}`]);
  await printAbsences(given);
  return 0;
}

/** A running server marks the consumers that it runs. The others ran in an earlier server. */
function stateOf({ state }: ConsumerState, isServed: boolean): string {
  if (!isServed) return 'stopped';
  return state === 'stopped' ? 'not configured' : state;
}

async function resume({ store, head, rest, values: { from } }: Given): Promise<number> {
  const [name = '', ...more] = rest;
  const consumer = await store.consumer(name);
  if (consumer === undefined || more.length > 0) {
    const names = (await store.consumers()).map((each) => each.name);
    throw new UsageError(`resume needs one of ${names.join(', ')}`);
  }
  if (from !== 'stopped' && from !== 'now') throw new UsageError('resume needs --from stopped or --from now');
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

async function failed(given: Given): Promise<number> {
  refuseMore(given.rest);
  const runs = await given.store.failed(FAILED_MAX + 1);
  const nowMs = Date.now();
  const rows = runs
    .slice(0, FAILED_MAX)
    .map(({ consumer, seq, attempts, nextAtMs, blocks, error }) => [
      String(seq),
      consumer,
      String(attempts),
      nextAtMs === null ? 'dead' : nextAtMs <= nowMs ? 'now' : `in ${duration(nextAtMs - nowMs)}`,
      grouped(blocks),
      harmless(error, ERROR_CHARS_MAX),
    ]);
  if (rows.length === 0) await print(['no run has failed']);
  else await print(alignedLines(['seq', 'consumer', 'attempts', 'next', 'blocks', 'error'], rows, [0, 2, 4]));
  if (runs.length > FAILED_MAX) await print([`only the first ${grouped(FAILED_MAX)} are shown`]);
  return 0;
}

async function retry(given: Given): Promise<number> {
  const { store, rest, values } = given;
  const seqs = rest.map(readSeq);
  if (values.all === seqs.length > 0) throw new UsageError('retry needs SEQ … or --all');
  const count = await store.retry(values.all ? undefined : seqs, Date.now());
  await print([`${counted(count, 'run')} will be tried again now`]);
  const code = values.all ? 0 : await printMissing(seqs, count);
  await printAbsences(given);
  return code;
}

async function skip({ store, rest }: Given): Promise<number> {
  const seqs = rest.map(readSeq);
  if (seqs.length === 0) throw new UsageError('skip needs SEQ …');
  const count = await store.skip(seqs);
  await print([`${counted(count, 'run')} will not be tried again`]);
  return printMissing(seqs, count);
}

/** Reports it if some of the given events have no such run. @returns the exit code, which is 1 in that case */
async function printMissing(seqs: readonly number[], count: number): Promise<number> {
  if (count >= new Set(seqs).size) return 0;
  await print([
    'the others have not failed, or wait for an earlier event of their subject: see handlers failed; --replay-from also runs what has succeeded',
  ]);
  return 1;
}

async function replay(given: Given, from: number): Promise<number> {
  const { store, reader, head } = given;
  const { only } = given.values;
  const names = (await store.consumers()).map(({ name }) => name);
  if (only !== undefined && !names.includes(only))
    throw new UsageError(`--only must be ${names.join(' or ')}, not ${JSON.stringify(only)}`);
  const end = head.seq + 1;
  if (from > end) throw new UsageError(`--replay-from must be from 1 to ${end}, not ${from}`);
  const chain = await reader.chainOf(from - 1);
  for (const name of only === undefined ? names : [only]) await store.moveTo(name, from - 1, chain);
  await print([`${counted(end - from, 'event')} from seq ${from} onward will run again`]);
  await printAbsences(given);
  return 0;
}

await executeCommand(USAGE, OPTIONS, main);
