/**
 * Checks a log as a user who may only read: node verify-as-nobody.ts DATABASE. Prints what was found as JSON. It uses
 * the parts of the engine directly: the engine would load them when this user can no longer read the code.
 */

import Sqlite from 'better-sqlite3';
import { verifyLog } from '../../src/core/inspect/verify-log.ts';
import { openReader } from '../../src/engines/sqlite/reader.ts';
import { checkTables } from '../../src/engines/sqlite/rebuild/compare.ts';
import { derivations } from '../../src/projections/index.ts';

const NOBODY = 65_534;
const path = process.argv[2] ?? '';

new Sqlite(':memory:').close(); // loads the addon while its file can be read
if (process.getuid?.() === 0) {
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
const reader = openReader(path, derivations.projections);
const problems = await reader.damage();
const { events } = await verifyLog(reader, []);
await reader.close();
const { checks } = checkTables(path, derivations);
const differences = checks.flatMap((check) => check.differences);
process.stdout.write(JSON.stringify({ problems, events, differences }));
