/** `./irisx sign`: headers, curl lines and checks of given signatures. */

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generateSignature } from '../../src/core/event/signature.ts';
import { SECRET, startReceiver, type TestReceiver, temporaryFolder } from '../support/receiver.ts';
import { run, runScript } from './run-script.ts';

const BODY = '{"event":"call.busy","data":{"call_uuid":"it\'s `$HOME` \\"1\\""}}\n';
const TIMESTAMP = '1705329131';
const env = { WEBHOOK_SECRET: SECRET };

const folder = temporaryFolder();
const file = join(folder.path, "a body's file.json");
writeFileSync(file, BODY);
after(() => folder.remove());

describe('./irisx sign', () => {
  it('prints the headers of a file and of standard input alike', async () => {
    const expected = `X-IRISX-Signature: ${generateSignature(BODY, SECRET, TIMESTAMP)}\nX-IRISX-Timestamp: ${TIMESTAMP}\n`;
    const ofFile = await runScript('sign', [file, '--timestamp', TIMESTAMP], { env });
    assert.deepEqual([ofFile.code, ofFile.stdout], [0, expected]);
    const ofInput = await runScript('sign', ['-', '--timestamp', TIMESTAMP], { env, stdin: BODY });
    assert.equal(ofInput.stdout, expected);
  });

  it('signs bytes that are not text', async () => {
    const bytes = Uint8Array.of(0, 255, 10, 13);
    const { stdout } = await runScript('sign', ['-', '--timestamp', TIMESTAMP], { env, stdin: bytes });
    assert.ok(stdout.includes(generateSignature(bytes, SECRET, TIMESTAMP)));
  });

  it('prints the prefixed form, with the current time', async () => {
    const beforeS = Math.floor(Date.now() / 1000);
    const { stdout } = await runScript('sign', [file, '--prefix'], { env });
    const [, signature = '', timestamp = ''] =
      /^X-IRISX-Signature: sha256=([0-9a-f]{64})\nX-IRISX-Timestamp: (\d{10})\n$/.exec(stdout) ?? [];
    assert.equal(signature, generateSignature(BODY, SECRET, timestamp));
    assert.ok(Number(timestamp) >= beforeS && Number(timestamp) <= Date.now() / 1000);
  });

  it('checks given values against any of the secrets', async () => {
    const signature = generateSignature(BODY, SECRET, TIMESTAMP);
    const verify = async (given: string, secret: string) => {
      const args = [file, '--verify', '--signature', given, '--timestamp', TIMESTAMP, '--secret', secret];
      const { code, stdout } = await runScript('sign', args);
      return [code, stdout];
    };
    assert.deepEqual(await verify(signature, SECRET), [0, 'valid\n']);
    assert.deepEqual(await verify(`sha256=${signature}`, `new,${SECRET}`), [0, 'valid\n']);
    assert.deepEqual(await verify(signature, 'new'), [1, 'invalid signature\n']);
    assert.deepEqual(await verify('nonsense', SECRET), [1, 'invalid signature\n']);
  });

  it('reports a signature made with a retired secret, which the server does not accept', async () => {
    const args = [
      '--verify',
      '--signature',
      generateSignature(BODY, 'old', TIMESTAMP),
      '--timestamp',
      TIMESTAMP,
    ];
    const { code, stdout } = await runScript('sign', [file, ...args], {
      env: { ...env, WEBHOOK_SECRETS_RETIRED: 'older,old' },
    });
    assert.equal(code, 1);
    assert.match(stdout, /^invalid signature: it was made with a secret in WEBHOOK_SECRETS_RETIRED, /);
  });

  it('uses the development secret of the database, and says so if there is none', async () => {
    const path = join(folder.path, 'data', 'irisx.db');
    const options = { env: { DATABASE_URL: path } };
    const without = await runScript('sign', [file], options);
    assert.deepEqual([without.code, without.stdout], [1, '']);
    assert.match(without.stderr, /^no secret is known: /);
    mkdirSync(join(folder.path, 'data'));
    writeFileSync(join(folder.path, 'data', 'development-secret'), 'made-for-this\n');
    const { stdout } = await runScript('sign', [file, '--timestamp', TIMESTAMP], options);
    assert.ok(stdout.includes(generateSignature(BODY, 'made-for-this', TIMESTAMP)));
  });

  it('reports a file that cannot be read', async () => {
    const { code, stderr } = await runScript('sign', ['/nowhere/body.json'], { env });
    assert.equal(code, 1);
    assert.match(stderr, /^\/nowhere\/body\.json cannot be read: ENOENT.*\n$/);
  });
});

describe('./irisx sign --curl', () => {
  let receiver: TestReceiver;
  before(async () => {
    receiver = await startReceiver();
  });
  after(() => receiver.close());

  const curl = async (args: string[], stdin?: string) => {
    const url = `${receiver.url}/webhooks`;
    const { stdout } = await runScript('sign', [...args, '--curl', '--url', url], {
      env,
      ...(stdin && { stdin }),
    });
    return run('sh', ['-c', stdout]);
  };
  const recorded = () =>
    receiver
      .rows('SELECT type, body FROM events ORDER BY seq')
      .map((row) => [row['type'], String(row['body'])]);

  it('prints a command line that the server accepts, for a file and for standard input', async () => {
    const ofFile = await curl([file]);
    assert.deepEqual([ofFile.stderr, ofFile.code], ['', 0]);
    assert.match(ofFile.stdout, /"success":true,.*"duplicate":false/);
    const ofInput = await curl(['-'], BODY);
    assert.match(ofInput.stdout, /"duplicate":true/);
    const bare = '{"call_sid":"@home"}';
    await curl(['-', '--event', 'call.ringing', '--prefix'], bare);
    assert.deepEqual(recorded(), [
      ['call.busy', BODY],
      ['call.ringing', bare],
    ]);
  });

  it('refuses to print bytes that a shell would not preserve', async () => {
    const { code, stderr } = await runScript('sign', ['-', '--curl'], { env, stdin: 'a\0b' });
    assert.equal(code, 1);
    assert.equal(stderr, 'the body is not plain text: put it in a file and give the file name\n');
  });
});
