/** E29: handlers that fail, and a process that dies while they run: every event is handled at least once. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { runStorePath } from '../../src/engines/sqlite/run-store-file.ts';
import { HANDLED_TYPES } from '../../src/handlers/handler.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/receiver.ts';
import { fault } from './support/fault.ts';
import { checkInvariants } from './support/invariants.ts';
import { sampleDeliveries, startLoad } from './support/load.ts';

const EVENTS = 10_000;
const KILLS = 10;
const FAILING_SHARE = 0.2;
/** Five failures in a row, which happen to one run in 3,000, take half a minute. */
const DONE_MS_MAX = 200_000;

/** Each handler fails at random, or appends its event's seq to a file. */
function module(seenPath: string): string {
  const handlers = [...HANDLED_TYPES.keys()].map((name) => `export const ${name} = run;`).join('\n');
  return `
    import { appendFileSync } from 'node:fs';
    async function run(_data, { seq, attempt }) {
      await new Promise((resolve) => setTimeout(resolve, 20 + 80 * Math.random()));
      if (Math.random() < ${FAILING_SHARE}) throw new Error('at random');
      appendFileSync(${JSON.stringify(seenPath)}, seq + ' ' + attempt + '\\n');
    }
    ${handlers}`;
}

/**
 * Seen to fail with the last started event written as the position: 461 of 10,000 events were never handled.
 */
fault(
  'E29',
  `${EVENTS} events, handlers that fail at random, ten kill -9: every event is handled at least once`,
  [],
  async (given) => {
    const { folder, ledger, random } = given;
    const port = await freePort();
    const seenPath = join(folder.path, 'seen');
    const modulePath = join(folder.path, 'handlers.mjs');
    writeFileSync(seenPath, '');
    writeFileSync(modulePath, module(seenPath));
    const env = { PORT: String(port), HANDLERS: modulePath, HANDLER_CONCURRENCY: '64' };
    let program = folder.start(env);
    await program.listening();
    const load = startLoad({ port, ledger, connections: 16, next: sampleDeliveries(given.seed, EVENTS) });
    given.after(() => load.stop());
    for (let kill = 1; kill <= KILLS; kill++) {
      await load.acknowledged(EVENTS / KILLS / 2 + random.below(EVENTS / KILLS / 4));
      await program.end('SIGKILL');
      program = folder.start(env);
      await program.listening();
    }
    await load.done;
    const head = Number(program.rows('SELECT max(seq) AS seq FROM events')[0]?.['seq']);
    assert.ok(head >= EVENTS, String(head));
    await until(() => isDone(folder.databasePath, head), 'all runs have ended', DONE_MS_MAX);

    const runs = readFileSync(seenPath, 'utf8').trim().split('\n');
    const handled = new Set(runs.map((run) => Number(run.split(' ')[0])));
    const missing = Array.from({ length: head }, (_, index) => index + 1).filter((seq) => !handled.has(seq));
    assert.deepEqual(missing.slice(0, 20), [], `${missing.length} events were not handled`);
    const { events } = await checkInvariants(program, { port, ledger });
    const again = runs.length - handled.size;
    const retried = runs.filter((run) => !run.endsWith(' 1')).length;
    assert.ok(retried > 1_000, `${retried} runs succeeded after a failure`);
    given.report(
      KILLS,
      `${events} events: none unhandled, ${again} handled more than once, ${retried} after a failure`,
    );
  },
);

/** No run waits, none is dead, and the whole log has been handled. */
function isDone(databasePath: string, head: number): boolean {
  const state = new Sqlite(runStorePath(databasePath), { readonly: true });
  try {
    const seq = state.prepare("SELECT settled_seq FROM consumers WHERE name = 'handlers'").pluck().get();
    const failed = state.prepare('SELECT count(*) FROM failed_runs').pluck().get();
    return Number(seq) >= head && failed === 0;
  } finally {
    state.close();
  }
}
