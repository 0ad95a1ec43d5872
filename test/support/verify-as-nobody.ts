/** Checks a log as a user who may only read: node verify-as-nobody.ts DATABASE. Prints what was found as JSON. */

import Sqlite from 'better-sqlite3';
import { integrityProblems, verifyLog } from '../../src/core/inspect/verify-log.ts';
import { openReadOnly } from '../../src/engines/sqlite/file/database.ts';
import { EventLog } from '../../src/engines/sqlite/log/event-log.ts';
import { checkTables } from '../../src/engines/sqlite/rebuild/compare.ts';
import { derivations } from '../../src/projections/index.ts';

const NOBODY = 65_534;
const path = process.argv[2] ?? '';

new Sqlite(':memory:').close(); // loads the addon while its file can be read
if (process.getuid?.() === 0) {
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
const database = openReadOnly(path);
const problems = integrityProblems(database);
const { events } = verifyLog(new EventLog(database), []);
database.close();
const { checks } = checkTables(path, derivations);
const differences = checks.flatMap((check) => check.differences);
process.stdout.write(JSON.stringify({ problems, events, differences }));
