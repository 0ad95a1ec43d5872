/** `./irisx handlers` on the state that a server leaves. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EX_USAGE } from '../../scripts/cli/command.ts';
import { EX_CONFIG } from '../../src/config/config.ts';
import type { RunStore, UnfinishedEvent } from '../../src/core/engine/run-store.ts';
import { CONSUMER_ABSENCE_MS } from '../../src/core/limits.ts';
import { lockFile } from '../../src/engines/sqlite/file/file-lock.ts';
import { runStoreLockPath, runStorePath } from '../../src/engines/sqlite/run-store-file.ts';
import { openRunStore } from '../../src/engines/sqlite/runs.ts';
import { runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

const EVENTS = 20;

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
  database.append(EVENTS);
});
afterEach(() => database.remove());

async function withStore<T>(use: (store: RunStore) => Promise<T>): Promise<T> {
  const store = openRunStore(runStorePath(database.path));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

const failed = (seq: number, more: Partial<UnfinishedEvent> = {}): UnfinishedEvent => ({
  consumer: 'handlers',
  seq,
  attempts: 2,
  error: 'TypeError: no',
  failedAtMs: 0,
  nextAtMs: 0,
  subject: null,
  ...more,
});

/** Handlers are at seq 15, forwarding at the end. Of the handlers' runs, 3 is dead and 5 and 7 wait. */
async function stateOfServer(): Promise<void> {
  await withStore(async (store) => {
    await store.moveTo('handlers', 15, new Uint8Array());
    await store.moveTo('forward', EVENTS, new Uint8Array());
    const runs = [
      failed(3, { attempts: 12, nextAtMs: null }),
      failed(5),
      failed(7, { nextAtMs: Date.now() + 3_600_000, error: 'two\nlines' }),
    ];
    const position = { seq: 15, chain: new Uint8Array(), generation: 1 };
    await store.write('handlers', { position, unfinished: runs, done: [] });
  });
}

async function handlers(...args: string[]) {
  const { code, stdout, stderr } = await runScript('handlers', args, { env: database.env });
  return { code, lines: stdout.trimEnd().split('\n'), stderr };
}

describe('./irisx handlers', () => {
  it('says what to do if no handler has run', async () => {
    const { code, stderr } = await handlers('status');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^no handler has run yet: set HANDLERS or FORWARD_URL, or write one in src\/handlers/,
    );
  });

  it('status shows how far each consumer has got, and whether a server is running them', async () => {
    await stateOfServer();
    const { code, lines } = await handlers('status');
    assert.equal(code, 0);
    assert.deepEqual(lines, [
      'consumer  state    seq  behind  waiting  blocked  dead',
      'forward   stopped   20       0        0        0     0',
      'handlers  stopped   15       5        2        0     1',
      "the log's last event is seq 20; no server is running",
    ]);
    await withStore((store) => store.setState('handlers', 'running', Date.now()));
    const unlock = lockFile(runStoreLockPath(database.path));
    assert.deepEqual((await handlers('status')).lines.slice(1), [
      'forward   not configured   20       0        0        0     0',
      'handlers  running          15       5        2        0     1',
      "the log's last event is seq 20; a server is running",
    ]);
    unlock?.();
  });

  describe('resume', () => {
    const away = async () => {
      await stateOfServer();
      await withStore((store) =>
        store.setState('handlers', 'running', Date.now() - CONSUMER_ABSENCE_MS - 1000),
      );
    };

    it('is suggested by status after a long absence', async () => {
      await away();
      const { lines } = await handlers('status');
      assert.match(
        lines.at(-1) ?? '',
        /^handlers: last ran at \S+Z; events missed since then: 5, failed runs: 2; nothing runs until you enter `\.\/irisx handlers resume handlers --from stopped` \(runs them\) or `\.\/irisx handlers resume handlers --from now` \(skips them\)$/,
      );
    });

    it('--from stopped keeps the position and the failed runs', async () => {
      await away();
      const { code, lines } = await handlers('resume', 'handlers', '--from', 'stopped');
      assert.deepEqual([code, lines], [0, ['handlers runs the 5 events it missed']]);
      const state = await withStore((store) => store.consumer('handlers'));
      assert.deepEqual([state?.seq, state?.waiting, state?.dead], [15, 2, 1]);
      assert.equal((await handlers('resume', 'handlers', '--from', 'stopped')).code, 1, 'only once');
    });

    it('--from now moves the position to the end and makes the failed runs dead', async () => {
      await away();
      const { code, lines } = await handlers('resume', 'handlers', '--from', 'now');
      assert.deepEqual([code, lines], [0, ['handlers continues after seq 20; 5 events skipped']]);
      const state = await withStore((store) => store.consumer('handlers'));
      assert.deepEqual([state?.seq, state?.waiting, state?.dead], [20, 0, 3]);
    });

    it('refuses missing and unknown arguments', async () => {
      await away();
      for (const [args, text] of [
        [['resume'], /resume needs one of forward, handlers/],
        [['resume', 'forwarding', '--from', 'now'], /resume needs one of forward, handlers/],
        [['resume', 'handlers'], /resume needs --from stopped or --from now/],
        [['resume', 'handlers', '--from', 'yesterday'], /resume needs --from stopped or --from now/],
        [['status', '--from', 'now'], /--from is for resume/],
      ] as const) {
        const { code, stderr } = await handlers(...args);
        assert.equal(code, EX_USAGE);
        assert.match(stderr, text);
      }
      const { code, lines } = await handlers('resume', 'forward', '--from', 'now');
      assert.deepEqual([code, lines], [1, ['forward is not held up: there is nothing to resume']]);
    });
  });

  it('failed lists the failed runs, one line each', async () => {
    await stateOfServer();
    const { lines } = await handlers('failed');
    const cells = lines.map((line) => line.trim().split(/ {2,}/));
    assert.deepEqual(cells.slice(0, 3), [
      ['seq', 'consumer', 'attempts', 'next', 'blocks', 'error'],
      ['3', 'handlers', '12', 'dead', '0', 'TypeError: no'],
      ['5', 'handlers', '2', 'now', '0', 'TypeError: no'],
    ]);
    assert.match(
      cells[3]?.join('|') ?? '',
      /^7\|handlers\|2\|in (60 min 0|59 min 5\d) s\|0\|two\\u000alines$/,
    );
    assert.equal(new Set(lines.map((line) => line.search(/error|TypeError|two/))).size, 1, lines.join('\n'));
    await withStore((store) => store.skip([3, 5, 7]));
    assert.deepEqual((await handlers('failed')).lines, ['no run has failed']);
  });

  it('shows how many runs wait for an earlier one of their subject, and lists only that one', async () => {
    await stateOfServer();
    await withStore(async (store) => {
      const runs = [9, 10, 11].map((seq) => failed(seq, { subject: 'call a', attempts: seq === 9 ? 3 : 0 }));
      const position = { seq: 15, chain: new Uint8Array(), generation: 1 };
      await store.write('handlers', { position, unfinished: runs, done: [] });
    });
    assert.equal(
      (await handlers('status')).lines[2],
      'handlers  stopped   15       5        3        2     1',
    );
    const { lines } = await handlers('failed');
    assert.deepEqual(lines.at(-1)?.trim().split(/ {2,}/), [
      '9',
      'handlers',
      '3',
      'now',
      '2',
      'TypeError: no',
    ]);
    assert.deepEqual((await handlers('retry', '10')).lines, [
      '0 runs will be tried again now',
      'the others have not failed, or wait for an earlier event of their subject: see handlers failed; --replay-from also runs what has succeeded',
    ]);
    await handlers('skip', '9');
    assert.match(
      (await handlers('failed')).lines.at(-1) ?? '',
      /^ *10 {2}handlers +0 {2}now +1 {2}TypeError: no$/,
    );
  });

  it('retry makes runs due, one by one or all', async () => {
    await stateOfServer();
    const { code, lines } = await handlers('retry', '3', '9');
    assert.equal(code, 1);
    assert.equal(lines[0], '1 run will be tried again now');
    assert.match(lines[1] ?? '', /^the others have not failed, or wait for an earlier event/);
    const dead = () =>
      withStore(async (store) => (await store.failed(9)).filter(({ nextAtMs }) => nextAtMs === null));
    assert.deepEqual(await dead(), []);
    assert.equal((await handlers('retry', '--all')).lines[0], '3 runs will be tried again now');
    assert.deepEqual(
      await withStore(async (store) => (await store.failed(9)).map(({ attempts }) => attempts)),
      [0, 0, 0],
    );
  });

  it('skip drops a run', async () => {
    await stateOfServer();
    assert.deepEqual((await handlers('skip', '5')).lines, ['1 run will not be tried again']);
    assert.deepEqual(await withStore(async (store) => (await store.failed(9)).map(({ seq }) => seq)), [3, 7]);
  });

  it('--replay-from moves one consumer, or all', async () => {
    await stateOfServer();
    const seqs = () =>
      withStore(async (store) => (await store.consumers()).map(({ name, seq }) => `${name} ${seq}`));
    assert.deepEqual((await handlers('--replay-from', '5', '--only', 'forward')).lines, [
      '16 events from seq 5 onward will run again',
    ]);
    assert.deepEqual(await seqs(), ['forward 4', 'handlers 15']);
    await handlers('--replay-from', '1');
    assert.deepEqual(await seqs(), ['forward 0', 'handlers 0']);
    assert.equal(await withStore(async (store) => (await store.failed(9)).length), 0);
    assert.deepEqual((await handlers('--replay-from', '21')).lines, [
      '0 events from seq 21 onward will run again',
    ]);
    assert.deepEqual(await seqs(), ['forward 20', 'handlers 20']);
  });

  it('refuses invalid arguments, and changes nothing', async () => {
    await stateOfServer();
    const before = await withStore(async (store) => [await store.consumers(), await store.failed(9)]);
    const wrong: [RegExp, ...string[]][] = [
      [/give a command \(status, failed, retry, skip, resume\) or --replay-from SEQ/],
      [/give a command/, 'status', '--replay-from', '3'],
      [/unknown command "stauts"/, 'stauts'],
      [/unknown argument "3"/, 'status', '3'],
      [/retry needs SEQ … or --all/, 'retry'],
      [/retry needs SEQ … or --all/, 'retry', '3', '--all'],
      [/skip needs SEQ …/, 'skip'],
      [/--all is for retry/, 'skip', '--all'],
      [/"0" is not a seq/, 'skip', '0'],
      [/"x" is not a seq/, 'retry', '3', 'x'],
      [/--replay-from must be from 1 to 21, not 22/, '--replay-from', '22'],
      [/--only must be forward or handlers, not "other"/, '--replay-from', '1', '--only', 'other'],
      [/--only is for --replay-from/, 'status', '--only', 'forward'],
    ];
    for (const [message, ...args] of wrong) {
      const { code, stderr } = await handlers(...args);
      assert.equal(code, EX_USAGE, args.join(' '));
      assert.match(stderr, message);
    }
    assert.deepEqual(
      await withStore(async (store) => [await store.consumers(), await store.failed(9)]),
      before,
    );
  });
});

describe('the program', () => {
  it('does not start with invalid handlers: one line, and the exit code of an invalid configuration', async () => {
    const modulePath = join(dirname(database.path), 'handlers.mjs');
    writeFileSync(modulePath, 'export function handleCallComplete() {}\n');
    const { code, stdout, stderr } = await runScript('serve', [], {
      env: { ...database.env, PORT: '0', HANDLERS: modulePath },
    });
    assert.equal(code, EX_CONFIG, stdout + stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^HANDLERS=\S+ exports handleCallComplete, which is not a handler name: [^\n]+\n$/);
  });
});
