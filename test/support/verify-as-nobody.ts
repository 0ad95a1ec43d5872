/** Checks a log as a user who may only read: node verify-as-nobody.ts DATABASE. Prints what was found as JSON. */

import Sqlite from 'better-sqlite3';
import { verifyLog } from '../../src/core/inspect/verify-log.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';
// Loaded now, while the code can be read: the engine loads its parts on first use.
import '../../src/engines/sqlite/reader.ts';
import '../../src/engines/sqlite/rebuild/compare.ts';

const NOBODY = 65_534;
const path = process.argv[2] ?? '';

new Sqlite(':memory:').close(); // loads the addon while its file can be read
if (process.getuid?.() === 0) {
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
const engine = engineOf(path, derivations);
const reader = await engine.openReader();
const problems = await reader.damage();
const { events } = await verifyLog(reader, []);
await reader.close();
const { checks } = await engine.check();
const differences = checks.flatMap((check) => check.differences);
process.stdout.write(JSON.stringify({ problems, events, differences }));
