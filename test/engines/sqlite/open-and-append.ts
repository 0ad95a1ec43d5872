/** A process that opens a database at a given moment and appends one event, to test concurrent processes. */

import { openDatabase, prepareDatabaseFile } from '../../../src/engines/sqlite/file/database.ts';
import { derivations } from '../../../src/projections/index.ts';
import { appenderOf } from '../../support/database.ts';
import { delivery } from '../../support/events.ts';

const [, , path = '', name = ''] = process.argv;

process.stdout.write('ready\n');
process.stdin.once('data', () => {
  prepareDatabaseFile(path);
  const database = openDatabase(path, derivations);
  appenderOf(database, derivations).append([
    delivery({ event: 'call.initiated', data: { call_uuid: name } }),
  ]);
  database.close();
  process.stdin.destroy();
});
