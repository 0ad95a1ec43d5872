/** A4 and A5: a disk that is full, that has become read-only, or that accepts only part of a write. */

import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { until } from '../support/receiver.ts';
import { checkRecent } from '../support/sound-log.ts';
import { command, type Fault, fault } from './support/fault.ts';
import { checkInvariants, checkLeft, endsLost, startIsRefused } from './support/invariants.ts';
import { startTraced } from './support/strace.ts';

const DISK_MIB = 8;
const FILLER_MIB = 3;
/** SQLite creates the first part of the WAL's index with this many writes. */
const INDEX_WRITES = 8;
const INDEX_FAILURES = 20;
const READ_ONLY_TRIES = 6;
const SHORT_WRITES = 8;
/** More than the one second after which a write is tried again. */
const NOTHING_FITS_MS = 1500;

/**
 * Seen to fail without the write that is tried every second: `/health` said 503 for 10 s after space was freed.
 */
fault(
  'A4a',
  'a full disk is answered 503, reads still work, and writes recover as soon as there is space',
  ['root', 'mount'],
  async (given) => {
    const { folder, ledger } = given;
    const filler = join(mountDisk(given), 'filler');
    writeUntil(filler, FILLER_MIB * 2 ** 20);
    const program = folder.start();
    const { url } = await program.listening();
    const load = given.startLoad({ connections: 8 });
    const health = () => fetch(new URL('/health', url));
    await until(async () => (await health()).status === 503, 'the disk is full', 60_000);
    await untilNothingFits(ledger);
    const fullAt = ledger.size;

    assert.equal(((await (await health()).json()) as { status: string }).status, 'storage_failing');
    assert.equal((await fetch(new URL('/webhooks', url))).status, 200);
    assert.ok(checkRecent(folder.databasePath, ledger, 0) >= fullAt);
    // Each outage is logged once, and logged again when it is over.
    const said = program
      .output()
      .split('\n')
      .filter((line) => /refused with 503|storage works again/.test(line));
    for (const [index, line] of said.entries())
      assert.match(
        line,
        index % 2 === 0 ? /refused with 503.*SQLITE_FULL.*free some disk space/ : /works again/,
      );
    assert.equal(said.length % 2, 1, said.join('\n'));

    rmSync(filler);
    const freedMs = performance.now();
    await until(async () => (await health()).status === 200, '/health recovers after space was freed');
    await load.acknowledged(20);
    const recoveredMs = performance.now() - freedMs;
    await load.finish();
    assert.deepEqual([...load.counts.statuses.keys()].toSorted(), [200, 503]);
    assert.equal(load.counts.broken, 0);
    const { events } = await checkInvariants(program, given);
    given.report(
      1,
      `full after ${fullAt} events, ${load.counts.statuses.get(503)} × 503, 20 more ${recoveredMs.toFixed(0)} ms after space was freed, ${events} in all`,
    );
  },
);

/**
 * Seen to fail with SQLITE_IOERR_SHMSIZE treated as a lost file: the process ended, no more deliveries were accepted.
 */
fault(
  'A4b',
  'a disk that is full when the index of the WAL grows is answered 503, and the process goes on',
  ['strace'],
  async (given) => {
    const { folder } = given;
    await given.startAndStop();
    const index = `${folder.databasePath}-shm`;
    const inject = [`pwrite64:error=ENOSPC:when=${INDEX_WRITES + 1}..${INDEX_WRITES + INDEX_FAILURES}`];
    const program = startTraced(folder, { files: [index], inject });
    await program.listening();
    const reader = new Sqlite(folder.databasePath, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM events').get(); // blocks checkpoints: the WAL outgrows its first index
    const load = given.startLoad({ connections: 8 });
    await until(() => (load.counts.statuses.get(503) ?? 0) > 0, 'the index cannot grow', 60_000);
    reader.close();
    await load.acknowledged(200);
    await load.finish();
    assert.ok(program.calls(index).some(({ error }) => error === 'ENOSPC'));
    assert.match(program.output(), /SQLITE_IOERR_SHMSIZE.*free some disk space/);
    const { events } = await checkInvariants(program, given);
    given.report(1, `${load.counts.statuses.get(503)} × 503, ${events} events`);
  },
);

/**
 * Seen to fail without the message for a full disk: the line advised checking the permissions of the file.
 */
fault(
  'A4c',
  'a start on a full disk is refused in one line that says so',
  ['root', 'mount'],
  async (given) => {
    const { folder } = given;
    const filler = join(mountDisk(given), 'filler');
    const refused = async () => {
      writeUntil(filler, Number.POSITIVE_INFINITY);
      const line = await startIsRefused(folder.start());
      assert.match(line, /cannot be opened: the disk is full: free some space/);
      rmSync(filler);
    };
    await refused(); // with no database
    await given.startAndStop();
    await refused(); // with one

    const killed = folder.start();
    const load = given.startLoad({ connections: 8 });
    await load.acknowledged(300);
    await killed.end('SIGKILL');
    await load.stop();
    await refused(); // with one, and a WAL that is not yet checkpointed into it
    const { events } = await checkInvariants(folder.start(), given);
    given.report(3, `without a database, with one, and with the WAL of a killed process (${events} events)`);
  },
);

/**
 * Seen to fail with I/O errors handled like a defect in a batch: the process was still running after 30 s.
 */
fault(
  'A5a',
  'a file system that is read-only is refused at the start, and ends the process if it becomes read-only later',
  ['root', 'mount', 'strace'],
  async (given) => {
    const { folder, random } = given;
    const disk = mountDisk(given, 256);
    command('mount', '-o', 'remount,ro', disk);
    assert.match(await startIsRefused(folder.start()), /cannot be created: .*EROFS/);
    command('mount', '-o', 'remount,rw', disk);
    await given.startAndStop();
    command('mount', '-o', 'remount,ro', disk);
    assert.match(
      await startIsRefused(folder.start()),
      /cannot be opened: check that the file and its folder are readable and writable/,
    );
    command('mount', '-o', 'remount,rw', disk);

    // Files open for writing prevent a read-only remount, but not the switch that the kernel makes after disk errors.
    const load = given.startLoad({ connections: 8 });
    for (let attempt = 0; attempt < READ_ONLY_TRIES; attempt++) {
      const files = ['', '-wal'].map((suffix) => folder.databasePath + suffix);
      const inject = [`pwrite64:error=EROFS:when=${400 + random.below(2000)}+`];
      const program = startTraced(folder, { files, inject });
      assert.match(await endsLost(program), /SQLITE_IOERR_WRITE/);
      const calls = program.calls();
      assert.equal(
        calls.findIndex(({ error }) => error === 'EROFS'),
        calls.length - 1,
        'it was the last call',
      );
    }
    const program = folder.start();
    await load.finish();
    const { events } = await checkInvariants(program, given);
    given.report(
      2 + READ_ONLY_TRIES,
      `2 starts refused, ended ${READ_ONLY_TRIES} times while running, ${events} events`,
    );
  },
);

/**
 * Seen to fail like A5a: the process was still running after 30 s.
 */
fault(
  'A5b',
  'a write that fits only in part ends the process, and the next start finds a sound log',
  ['prlimit'],
  async (given) => {
    const { folder, ledger, random } = given;
    assert.match(
      await startIsRefused(folder.start({}, ['prlimit', '--fsize=40000'])),
      /cannot be read or written/,
    );
    rmSync(dirname(folder.databasePath), { recursive: true });
    await given.startAndStop();
    const load = given.startLoad({ connections: 8 });
    for (let attempt = 0; attempt < SHORT_WRITES; attempt++) {
      const bytes = statSync(folder.databasePath).size + 500_000 + random.below(1_000_000);
      const line = await endsLost(folder.start({}, ['prlimit', `--fsize=${bytes}`]));
      assert.match(line, /SQLITE_IOERR_WRITE/);
      assert.ok(
        statSync(`${folder.databasePath}-wal`).size >= bytes,
        'the write that did not fit was the last one',
      );
      await checkLeft(folder.databasePath, ledger);
    }
    const program = folder.start();
    await load.finish();
    const { events } = await checkInvariants(program, given);
    given.report(SHORT_WRITES, `${events} events`);
  },
);

/** Mounts a separate disk for the database. @returns where it is mounted */
function mountDisk({ folder, after }: Fault, mib = DISK_MIB): string {
  const path = dirname(folder.databasePath);
  mkdirSync(path);
  command('mount', '-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path);
  after(() => void command('umount', '--lazy', path));
  return path;
}

/** Waits until no more deliveries are recorded, because a smaller batch may fit where a larger one did not. */
async function untilNothingFits(ledger: Fault['ledger']): Promise<void> {
  let taken = -1;
  while (ledger.size !== taken) {
    taken = ledger.size;
    await pause(NOTHING_FITS_MS);
  }
}

/** Makes a file of this many bytes, or as large as fits on the disk. */
function writeUntil(path: string, bytes: number): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(4096);
  try {
    for (let written = 0; written < bytes; ) written += writeSync(file, block);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(file);
  }
}
