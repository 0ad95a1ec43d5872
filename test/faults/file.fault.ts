/** A6 and A7: the file is not a sound log. The server refuses it untouched, or `./irisx verify` says what is wrong. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { SCHEMA_VERSION } from '../../src/engines/sqlite/file/schema.ts';
import { type Finished, runScript } from '../scripts/run-script.ts';
import { UNPROTECT } from '../scripts/sample-database.ts';
import { changeFile } from '../support/database.ts';
import { query, SECRET } from '../support/receiver.ts';
import { type Fault, fault } from './support/fault.ts';
import { checkInvariants, startIsRefused } from './support/invariants.ts';
import { sampleDeliveries } from './support/load.ts';

const EVENTS = 3000;
const CUTS = 24;
const TRIES = 8;
const PAGE_BYTES = 4096;

const NOT_OURS: readonly (readonly [what: string, says: RegExp, make: (path: string) => void])[] = [
  [
    'garbage',
    /is not a SQLite database: set DATABASE_URL/,
    (path) => writeFileSync(path, Buffer.alloc(2 ** 20, 0xa5)),
  ],
  ['a directory', /is not a file: set DATABASE_URL/, (path) => void mkdirSync(path)],
  [
    'another program’s database in WAL mode',
    /is a database of another program/,
    (path) => changeFile(path, 'PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)'),
  ],
];

/**
 * Seen to fail without the check of `application_id`: our schema was written into another program's file. And without
 * the check of the last event's chain: a file cut within its last page was refused with an error about argument types.
 */
fault(
  'A6a',
  'a file that is not a complete log is refused in one line and left untouched, or detected by verify',
  [],
  async (given) => {
    const { folder } = given;
    const path = folder.databasePath;
    mkdirSync(dirname(path));
    for (const [what, says, make] of NOT_OURS) {
      make(path);
      assert.match((await startUntouched(given)) ?? '', says, what);
      rmSync(path, { recursive: true });
    }
    await recordSome(given);
    const log = readFileSync(path);
    const bodies = bodyDigests(path);

    changeFile(path, `PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    assert.match((await startUntouched(given)) ?? '', /by a newer version of this program/);

    const outcomes = { refused: 0, found: 0, whole: 0 };
    for (const bytes of cuts(given, log.length)) {
      for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true }); // left behind by a reader
      writeFileSync(path, log);
      truncateSync(path, bytes);
      const line = await startUntouched(given);
      if (line === undefined) {
        const isFound = (await verify(path)).code === 1;
        if (!isFound)
          assert.equal(bodyDigests(path), bodies, `cut to ${bytes} bytes: events are missing unnoticed`);
        outcomes[isFound ? 'found' : 'whole'] += 1;
      } else {
        assert.match(line, /is (damaged|not a SQLite database): /, `cut to ${bytes} bytes: ${line}`);
        outcomes.refused += 1;
      }
    }
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
    writeFileSync(path, log);
    const { events } = await checkInvariants(folder.start(), given);
    given.report(
      NOT_OURS.length + 1 + CUTS,
      `${CUTS} cuts of ${events} events: ${outcomes.refused} refused, ${outcomes.found} found by verify, ${outcomes.whole} lacked nothing`,
    );
  },
);

/**
 * Seen to fail without the comparison of digests in verify: `chain: bodies, times and links are as recorded`.
 */
fault(
  'A7',
  'verify names the first event that was changed or removed, and a tail that was cut',
  [],
  async (given) => {
    const { folder, random } = given;
    const path = folder.databasePath;
    await recordSome(given);
    const sound = await verify(path);
    assert.equal(sound.code, 0, sound.stdout);
    const [, headSeq, headChain] = /^head: seq (\d+), chain ([0-9a-f]{64})$/m.exec(sound.stdout) ?? [];
    const last = Number(headSeq);
    const kept = `${path}.kept`;
    copyFileSync(path, kept);

    for (let attempt = 0; attempt < TRIES; attempt++) {
      const seq = flipByteOfBody(given, last);
      const { code, stdout } = await verify(path);
      assert.equal(code, 1);
      assert.match(
        stdout,
        new RegExp(`^FAILED +chain: seq ${seq}: the body differs from the recorded one`, 'm'),
      );
      copyFileSync(kept, path);
    }
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const seq = 1 + random.below(last - 1);
      changeFile(path, `${UNPROTECT} DELETE FROM events WHERE seq = ${seq}`);
      const { code, stdout } = await verify(path);
      assert.equal(code, 1);
      assert.match(stdout, new RegExp(`^FAILED +sequence: seq ${seq + 1}: it follows seq ${seq - 1}`, 'm'));
      copyFileSync(kept, path);
    }
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const seq = last - 1 - random.below(attempt === 0 ? 1 : 200);
      changeFile(path, `${UNPROTECT} DELETE FROM events WHERE seq > ${seq}`);
      const { code, stdout } = await verify(path, '--anchor', `${headSeq}:${headChain}`);
      assert.equal(code, 1);
      assert.match(
        stdout,
        new RegExp(`^FAILED +anchor: the log ends with seq ${seq}: its tail is missing`, 'm'),
      );
      copyFileSync(kept, path);
    }
    await checkInvariants(folder.start(), given);
    given.report(
      3 * TRIES,
      `of ${last} events: ${TRIES} bytes flipped, ${TRIES} rows removed, ${TRIES} tails cut`,
    );
  },
);

/** Makes a log of a few thousand events with the server, then stops it cleanly. */
async function recordSome(given: Fault): Promise<void> {
  const program = given.folder.start();
  const load = given.startLoad({ connections: 32, next: sampleDeliveries(given.seed, EVENTS) });
  await load.acknowledged(EVENTS);
  await load.finish();
  await program.stop();
}

/** Checks that a refused start left the file unchanged. @returns its one line; undefined if it was not refused */
async function startUntouched({ folder }: Fault): Promise<string | undefined> {
  const before = contents(dirname(folder.databasePath));
  const program = folder.start();
  const isOpen = await program.listening().then(
    () => true,
    () => false,
  );
  if (isOpen) {
    await program.stop();
    return undefined;
  }
  const line = await startIsRefused(program);
  assert.equal(program.output(), '');
  assert.deepEqual(contents(dirname(folder.databasePath)), before);
  return line;
}

/** The contents of a folder, as digests of its files. */
function contents(folder: string): string[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => {
      const path = `${folder}/${name}`;
      if (statSync(path).isDirectory()) return `${name}: ${readdirSync(path)}`;
      return `${name}: ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    });
}

/** The lengths to which a file is cut: every other one at a page boundary, the first ones near the end of the file. */
function cuts({ random }: Fault, bytes: number): number[] {
  const pages = bytes / PAGE_BYTES;
  return Array.from({ length: CUTS }, (_, index) => {
    const page = index < CUTS / 2 ? pages - 1 - (index >> 1) : random.below(pages - 1);
    return page * PAGE_BYTES + (index % 2 === 0 ? 0 : 1 + random.below(PAGE_BYTES - 1));
  });
}

function bodyDigests(path: string): string {
  const digest = createHash('sha256');
  for (const { body } of query(path, 'SELECT body FROM events ORDER BY seq'))
    digest.update(body as Uint8Array);
  return digest.digest('hex');
}

/** Runs `./irisx verify`. */
function verify(path: string, ...args: string[]): Promise<Finished> {
  const env = { DATABASE_URL: `file:${path}`, WEBHOOK_SECRET: SECRET };
  return runScript('verify', args, { env });
}

/** Changes one byte of a stored body directly in the file. @returns the seq of the event */
function flipByteOfBody({ folder, random }: Fault, last: number): number {
  const file = readFileSync(folder.databasePath);
  for (;;) {
    const seq = 1 + random.below(last);
    const [row] = query(folder.databasePath, 'SELECT body FROM events WHERE seq = ?', seq);
    const body = Buffer.from(row?.['body'] as Uint8Array);
    const start = file.indexOf(body);
    // A long body spans several pages; one that occurs twice may be a leftover of an update.
    if (start === -1 || file.indexOf(body, start + 1) !== -1) continue;
    const at = start + random.below(body.length);
    file[at] = (file[at] ?? 0) ^ (1 << random.below(8));
    writeFileSync(folder.databasePath, file);
    return seq;
  }
}
