/** A secret that is created once: atomically, readable only by its owner, and the same for concurrent starts. */

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DEVELOPMENT_SECRET, secretInFile } from '../../src/config/secret-file.ts';
import { modeOf } from '../support/database.ts';
import { temporaryFolder } from '../support/receiver.ts';

function folderFor(t: TestContext): string {
  const folder = temporaryFolder();
  t.after(folder.remove);
  return folder.path;
}

it('a secret is created together with its folder, is read again, and leaves no other file', (t) => {
  const databasePath = join(folderFor(t), 'data', 'irisx.db');
  const path = join(databasePath, '..', 'development-secret');
  const secret = secretInFile(DEVELOPMENT_SECRET, databasePath);
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.equal(readFileSync(path, 'utf8'), `${secret}\n`);
  assert.equal(modeOf(path), '0600');
  assert.equal(secretInFile(DEVELOPMENT_SECRET, databasePath), secret);
  assert.deepEqual(readdirSync(join(path, '..')), ['development-secret']);
});

it('a secret that an operator has written is used as written; an empty file is refused with advice', (t) => {
  const databasePath = join(folderFor(t), 'irisx.db');
  const path = join(databasePath, '..', 'development-secret');
  writeFileSync(path, ' my own \n');
  assert.equal(secretInFile(DEVELOPMENT_SECRET, databasePath), 'my own');
  writeFileSync(path, '\n');
  assert.throws(
    () => secretInFile(DEVELOPMENT_SECRET, databasePath),
    /secret is empty: delete it, and the next start creates a new secret/,
  );
});

it('threads that create the same secret at the same time all get the one that is stored', async (t) => {
  const folder = folderFor(t);
  const [threads, rounds] = [2, 100];
  for (let round = 0; round < rounds; round++) mkdirSync(join(folder, String(round)));
  const code = `
    const { parentPort, workerData: { source, folder, threads, rounds, shared } } = require('node:worker_threads');
    import(source).then(({ DEVELOPMENT_SECRET, secretInFile }) => {
      const arrived = new Int32Array(shared);
      const found = [];
      for (let round = 0; round < rounds; round++) {
        Atomics.add(arrived, round, 1);
        while (Atomics.load(arrived, round) < threads);
        try {
          found.push(secretInFile(DEVELOPMENT_SECRET, folder + '/' + round + '/irisx.db'));
        } catch (error) {
          found.push(error.message);
        }
      }
      parentPort.postMessage(found);
    });`;
  const shared = new SharedArrayBuffer(4 * rounds);
  const source = pathToFileURL(join(import.meta.dirname, '../../src/config/secret-file.ts')).href;
  const workerData = { source, folder, threads, rounds, shared };
  const found = await Promise.all(
    Array.from({ length: threads }, () => {
      const worker = new Worker(code, { eval: true, workerData });
      return new Promise<string[]>((resolve, reject) => worker.on('message', resolve).on('error', reject));
    }),
  );
  for (let round = 0; round < rounds; round++) {
    const kept = readFileSync(join(folder, String(round), 'development-secret'), 'utf8').trim();
    assert.deepEqual(
      found.map((secrets) => secrets[round]),
      Array(threads).fill(kept),
    );
  }
});
