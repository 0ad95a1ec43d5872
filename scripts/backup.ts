/** `./irisx backup`: a checked copy of the log and its tables in one file, while the server runs. */

import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { lowerPriority, NICENESS } from '../src/core/low-priority.ts';
import { IRISX } from '../src/core/packaging.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { readEnvironment, requireDatabase } from './cli/environment.ts';
import { counted, duration } from './cli/numbers.ts';
import { UsageError } from './cli/options.ts';
import { print, showProgress } from './cli/output.ts';

const USAGE = `
${IRISX} backup FILE
Copies the event log to FILE, which must not exist yet, while the server runs. Then builds the tables from the copy and
checks both: FILE appears only if SQLite finds no damage, its hash chain is intact, and its tables match its log. It
contains every event recorded by the time the copying ended. The state of the handlers is copied to FILE.handlers.
Prints the seq and chain of the last event. If you keep them somewhere else, they can prove later that nothing is
missing: ${IRISX} verify --anchor SEQ:CHAIN.

A damaged log is refused, and its first bad seq is printed. Exit code 0: the backup was made.

To restore: stop the server; move data/irisx.db, data/irisx.db-wal, data/irisx.db-shm and data/handlers.db* away; copy
FILE to data/irisx.db and FILE.handlers to data/handlers.db; start the server.
`;

async function main({ positionals }: Arguments<Record<never, never>>): Promise<number> {
  const [target, ...more] = positionals;
  if (target === undefined || target === '' || more.length > 0)
    throw new UsageError('give exactly one FILE to write');
  const path = resolve(target);
  const folder = dirname(path);
  const engine = await requireDatabase(readEnvironment());
  lowerPriority(NICENESS.reading);
  const startedMs = performance.now();
  const { head, runsPath, leftOut } = await engine.backup({
    // Links in the folder's path are followed, so that each file has exactly one name.
    targetPath: join(existsSync(folder) ? realpathSync(folder) : folder, basename(path)),
    onProgress: showProgress,
  });
  await print([
    `${target}: ${counted(head.seq, 'event')}, copied and checked in ${duration(performance.now() - startedMs)}`,
    ...(runsPath === undefined ? [] : [`${target}.handlers: the state of the handlers`]),
    ...(leftOut.length === 0 ? [] : [`not included: your own tables ${leftOut.join(', ')}`]),
    `head: seq ${head.seq}, chain ${Buffer.from(head.chain).toString('hex')}`,
  ]);
  return 0;
}

await executeCommand(USAGE, {}, main);
