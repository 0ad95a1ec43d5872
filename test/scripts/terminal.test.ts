/** What commands print cannot control a terminal, whatever text the events have. */

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { delivery, envelope } from '../support/events.ts';
import { runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

/** Colours, a bell, the other encoding of `ESC [`, a reversed direction, line ends of all kinds, and a false log line. */
const HOSTILE = '\u001b[31m\u0007\u009b31m\u202egpj.exe\u2028\u007f\r\n[2026-01-05] INFO forged';

let database: SampleDatabase;
before(() => {
  database = sampleDatabase();
  const everywhere = (...names: string[]) => Object.fromEntries(names.map((name) => [name, HOSTILE]));
  database.record(
    [
      envelope('call.failed', {
        ...everywhere('call_uuid', 'from_number', 'to_number', 'tenant_id', 'error_code', 'error_message'),
        ...everywhere('hangup_cause', 'total_cost'),
        direction: 'inbound',
      }),
      ...['STOP', HOSTILE].map((message) =>
        envelope('sms.received', {
          ...everywhere('from_number', 'to_number', 'tenant_id'),
          message_id: `${HOSTILE}${message}`,
          message,
        }),
      ),
      envelope('recording.complete', everywhere('recording_id', 'call_uuid', 'recording_url')),
      envelope(HOSTILE, { [HOSTILE]: HOSTILE }),
      envelope('call.failed', { [HOSTILE]: HOSTILE }),
    ].map((body) => delivery(body)),
  );
});
after(() => database.remove());

for (const [name, ...args] of [
  ['report'],
  ['report', 'calls', '--by', 'tenant'],
  ['report', 'calls', '--by', 'number', '--format', 'json'],
  ['events', 'list'],
  ['events', 'list', '--output', 'json'],
  ['events', 'show', '1'],
  ['events', 'show', '5'],
  ['events', 'show', '5', '--output', 'json'],
  ['events', 'export'],
  ['explain', 'seq', '1'],
  ['explain', 'seq', '1', '--output', 'json'],
  ['explain', 'call', HOSTILE],
  ['explain', 'contact', HOSTILE],
  ['rebuild', '--check'],
] as const) {
  it(`${JSON.stringify([name, ...args].join(' '))} prints no control character, and no line of an event`, async () => {
    const { code, stdout, stderr } = await runScript(name, args, { env: database.env });
    assert.equal(code, 0, stderr);
    assert.ok(stdout.length > 0);
    for (const line of (stdout + stderr).split('\n')) {
      assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      assert.doesNotMatch(line, /^\[2026/);
      if (line !== '' && args.at(-1) === 'json') JSON.parse(line);
    }
    if (name === 'events' && args[0] === 'export') {
      const { body } = JSON.parse(stdout.split('\n')[4] ?? '') as { body: string };
      assert.equal((JSON.parse(body) as { event: string }).event, HOSTILE);
    }
  });
}
