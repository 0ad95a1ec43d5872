/** D28: what other users of the machine can read: files, process list, log, answers. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { modeOf } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { exchangeRaw, request, signedRequest } from '../support/raw.ts';
import { SECRET } from '../support/receiver.ts';
import { fault } from './support/fault.ts';
import { checkInvariants } from './support/invariants.ts';
import { sampleDeliveries } from './support/load.ts';

/** A umask that removes no permissions, so that only our own code makes files private. */
const OPEN_UMASK = ['sh', '-c', 'umask 000; exec "$@"', 'sh'];

/**
 * Seen to fail without the mode in prepareDatabaseFile() (0666), and with the configuration printed at the start
 * (the secret is in the log).
 */
fault(
  'D28',
  'only the owner can read the files, and no secret appears in the process list, the log or the answers',
  [],
  async (given) => {
    const { folder, port } = given;
    const program = folder.start({ ADMIN_PORT: String(await freePort()) }, OPEN_UMASK);
    await program.listening();
    await given.startLoad({ connections: 8, next: sampleDeliveries(given.seed, 2000) }).done;

    const data = join(folder.path, 'data');
    const modes = Object.fromEntries(readdirSync(data).map((name) => [name, modeOf(join(data, name))]));
    assert.deepEqual(modes, {
      'admin-token': '0600',
      'irisx.db': '0600',
      'irisx.db-shm': '0600',
      'irisx.db-wal': '0600',
    });
    const token = readFileSync(join(data, 'admin-token'), 'utf8').trim();
    assert.equal((program.output() + program.errors()).includes(token), false);
    assert.equal(modeOf(data), '0700');

    const commandLine = readFileSync(`/proc/${program.pid}/cmdline`, 'latin1');
    assert.ok(commandLine.includes('irisx.mjs') && !commandLine.includes(SECRET));

    const close = ['Connection: close'];
    const refused = [
      signedRequest('{}', { secret: 'another', lines: close }),
      signedRequest('{}', { timestamp: 1_700_000_000, lines: close }),
      signedRequest('{}', { path: '/nowhere', lines: close }),
      request('DELETE /webhooks HTTP/1.1', close),
      request('GET /webhooks HTTP/9.9', close),
      'nonsense\r\n\r\n',
    ];
    for (const text of refused) {
      for (const { status, headers, body } of await exchangeRaw(port, text)) {
        assert.ok(status >= 400, String(status));
        const answer = JSON.stringify(headers) + body;
        assert.equal(answer.includes(SECRET), false);
        assert.doesNotMatch(answer, /[0-9a-f]{64}|sqlite|node_modules|\.[cm]?[jt]s:\d|x-powered-by/i);
      }
    }
    const { events } = await checkInvariants(program, given);
    given.report(
      refused.length,
      `0600, 0700; nothing revealed in ${events} log entries and ${refused.length} refusals`,
    );
  },
);
