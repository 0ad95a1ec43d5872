/** The handlers' thread before the receiver has started. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { keepHandling } from '../../src/threads/keep-handling.ts';
import { createDatabase } from '../support/database.ts';
import { temporaryFolder } from '../support/receiver.ts';
import { undoneAfterEach } from '../support/undo.ts';

const atEnd = undoneAfterEach();

it('a thread that dies before the start is reported and replaced only then', async () => {
  const folder = temporaryFolder();
  atEnd(folder.remove);
  const databasePath = join(folder.path, 'irisx.db');
  await createDatabase(databasePath);
  const modulePath = join(folder.path, 'handlers.mjs');
  writeFileSync(
    modulePath,
    `import { existsSync, writeFileSync } from 'node:fs';
    const mark = import.meta.filename + '.died';
    if (!existsSync(mark)) {
      writeFileSync(mark, '');
      setTimeout(() => { throw new Error('too early'); }, 1);
    }
    export function handleCallCompleted() {}`,
  );
  const lines: string[] = [];
  const options = { databasePath, modulePath, timeoutMs: 500, runsMax: 1, forward: undefined };
  const handling = keepHandling(
    options,
    (_, text) => lines.push(text),
    () => {},
  );
  atEnd(handling.close);
  await handling.loaded;
  await wait(500); // the thread has ended
  lines.push('start');
  await handling.start();
  const [first, second] = lines;
  assert.equal(first, 'start');
  assert.match(String(second), /^the handlers' thread has ended: too early; it is restarted in 1 s$/);
});
