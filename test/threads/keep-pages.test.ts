/** Pages that are made in a thread: each request gets its own page, also while a thread is being ended. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { PAGES_WAITING_MAX } from '../../src/core/limits.ts';
import type { ProcessState } from '../../src/core/metrics/process-state.ts';
import { keepPages } from '../../src/threads/keep-pages.ts';
import { createDatabase } from '../support/database.ts';
import { temporaryFolder } from '../support/receiver.ts';
import { undoneAfterEach } from '../support/undo.ts';

const atEnd = undoneAfterEach();

it('requests made at once get their own pages; those of a thread that is ended are aborted, and later ones are not', async () => {
  const folder = temporaryFolder();
  atEnd(folder.remove);
  const databasePath = join(folder.path, 'irisx.db');
  await createDatabase(databasePath);
  const pages = keepPages(
    databasePath,
    () => ({}) as ProcessState,
    () => {},
  );
  atEnd(pages.close);
  const paths = Array.from({ length: PAGES_WAITING_MAX }, (_, index) => (index % 2 === 0 ? '/nowhere' : '/'));
  const made = await Promise.all(paths.map((path) => pages.make(path, '')));
  assert.deepEqual(
    made.map(({ status }) => status === 404),
    paths.map((path) => path === '/nowhere'),
  );
  const aborted = paths.map((path) => pages.make(path, ''));
  assert.match(String((await pages.make('/', '')).body), /^Too many pages/);
  const closing = pages.close();
  assert.match(String((await pages.make('/', '')).body), /^Too many pages/, 'they still count');
  await closing;
  for (const { status, body } of await Promise.all(aborted)) {
    assert.equal(status, 503);
    assert.match(String(body), /^This page was aborted/);
  }
  assert.equal((await pages.make('/nowhere', '')).status, 404);
});
