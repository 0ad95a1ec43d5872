/** B13: this machine's clock is an hour ahead, an hour behind, and right again, while the server runs. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deliver, until } from '../support/receiver.ts';
import { command, fault } from './support/fault.ts';
import { checkInvariants } from './support/invariants.ts';

const LIMIT = 20;
const WINDOW_MS = 1500;

const CLOCKS: readonly (readonly [shift: string, expected: string])[] = [
  ['+0', 'Webhook processed'],
  ['+3600', 'Webhook timestamp too old'],
  ['-3600', 'Webhook timestamp in the future'],
  ['+0', 'Webhook processed'],
];

/**
 * Seen to fail with Date.now() as the limiter's monotonic clock in main.ts: at +3600 the client that was over its limit
 * was let in at once. And without the warning of a wrong clock: no log line mentioned the clock.
 */
fault(
  'B13',
  'while the clock is wrong, deliveries are refused with a hint about the clock, and the limiter is unaffected',
  ['faketime'],
  async (given) => {
    const { folder, port, ledger } = given;
    const url = `http://127.0.0.1:${port}`;
    const clockFile = join(folder.path, 'clock');
    const library = /^.*libfaketimeMT\.so.*$/m.exec(command('dpkg', '-L', 'libfaketime'))?.[0] ?? '';
    writeFileSync(clockFile, '+0\n');
    const program = folder.start({
      RATE_LIMIT_MAX: String(LIMIT),
      RATE_LIMIT_WINDOW_MS: String(WINDOW_MS),
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clockFile,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    });
    await program.listening();

    let sent = 0;
    /** Sends a delivery signed with the true time, from a new client unless one is given. */
    const send = async (client?: string, secret?: string) => {
      sent += 1;
      const body = JSON.stringify({ event: 'call.dtmf', data: { sent } });
      const headers = { 'X-Forwarded-For': client ?? `10.1.${sent >> 8}.${sent & 255}` };
      const answer = await deliver({ url }, body, { headers, ...(secret !== undefined && { secret }) });
      if (answer.status === 200) ledger.acknowledge(body, answer.json['seq'] as number);
      return answer;
    };
    const statusOf = async (client: string) => (await send(client, 'another secret')).status;

    for (const [index, [shift, expected]] of CLOCKS.entries()) {
      const over = `10.2.0.${index}`;
      for (let request = 0; request < LIMIT; request++) assert.equal(await statusOf(over), 401);
      const startedMs = performance.now();
      writeFileSync(clockFile, `${shift}\n`);
      const status = await statusOf(over);
      // On a machine that is too busy, the window may have ended meanwhile.
      if (performance.now() - startedMs < WINDOW_MS / 4)
        assert.equal(status, 429, `limiter open at ${shift}`);
      await until(async () => (await send()).json['message'] === expected, `${expected} at ${shift}`);
      await until(async () => (await statusOf(over)) === 401, `a limiter that is not frozen at ${shift}`);
    }
    assert.match(program.output(), /WARN a delivery with a valid signature was refused.*timedatectl/);
    const { events } = await checkInvariants(program, given);
    given.report(
      CLOCKS.length - 1,
      `401 with a hint about the clock, 200 when it is right again; ${events} events`,
    );
  },
);
