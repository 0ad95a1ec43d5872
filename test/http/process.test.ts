/** The program as a process: how it starts, refuses to start and drains, and what a crash leaves behind. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DRAIN_CUT_MS, DRAIN_MAX_MS } from '../../src/core/limits.ts';
import { freePort, takenPort } from '../support/free-port.ts';
import { type Program, type ProgramFolder, programFolder } from '../support/program.ts';
import { membersOf, openHalfSent, openRaw, request, signedRequest } from '../support/raw.ts';
import { deliver, query, until } from '../support/receiver.ts';

/** Runs a test in its own folder, and leaves nothing running in it. */
function inFolder(
  run: (folder: ProgramFolder, t: TestContext) => Promise<void>,
): (t: TestContext) => Promise<void> {
  return async (t) => {
    const folder = programFolder();
    try {
      await run(folder, t);
    } finally {
      await folder.remove();
    }
  };
}

/** The same with a server in its folder. */
function serving(run: (program: Program, port: number) => Promise<void>): (t: TestContext) => Promise<void> {
  return inFolder(async (folder) => {
    const program = folder.start();
    const { port } = await program.listening();
    await run(program, port);
  });
}

/** The prefix of a command that then runs in its own session, in a terminal, which closes when its process is killed. */
const IN_TERMINAL = ['python3', '-c', 'import pty, sys; pty.spawn(sys.argv[1:])'];

/** Skips a test if a terminal cannot be made. */
function lacksTerminal(t: TestContext): boolean {
  if (spawnSync('python3', ['-c', 'import pty']).status === 0) return false;
  assert.ok(process.env['CI'] === undefined, 'python3 is not installed');
  t.skip('needs python3');
  return true;
}

const ADMIN_TOKEN = 'a token & of my own';

const body = (n: number) => `{"event":"call.dtmf","data":{"n":${n}}}`;

/** Sends SIGTERM. @returns how it ended, and after how many milliseconds */
async function terminate(program: Program): Promise<{ code: number | null; ms: number }> {
  const startedMs = performance.now();
  const { code } = await program.end('SIGTERM');
  return { code, ms: performance.now() - startedMs };
}

// Most of the time is spent waiting: for starts, and for the four seconds of a drain.
describe('the program', { concurrency: 2 }, () => {
  describe('SIGTERM', { concurrency: 3 }, () => {
    it(
      'under load answers every accepted request, and exits 0 with all of them in the log',
      inFolder(async (folder) => {
        const program = folder.start({ RATE_LIMIT_MAX: '0', LOG_LEVEL: 'warn' });
        const { port } = await program.listening();
        const acknowledged: number[] = [];
        let sent = 0;
        let stopping = false;
        const unanswered: string[] = [];
        /** A keep-alive client that sends until the server closes. Each request must be answered or not recorded. */
        const client = async () => {
          const connection = await openRaw(port);
          for (;;) {
            sent += 1;
            const n = sent;
            const id = `n-${n}`;
            connection.send(signedRequest(body(n), { lines: [`X-Request-Id: ${id}`] }));
            try {
              const answer = await connection.next();
              assert.equal(answer.headers['x-request-id'], id);
              assert.ok(answer.status === 200 || answer.status === 503, String(answer.status));
              if (answer.status === 200) acknowledged.push(n);
              if (answer.headers['connection'] === 'close') return;
            } catch (error) {
              if (!stopping) throw error;
              unanswered.push(body(n));
              return;
            }
          }
        };
        const clients = Array.from({ length: 16 }, client);
        await until(() => acknowledged.length > 300, 'the load');
        stopping = true;
        const { code, ms } = await terminate(program);
        await Promise.all(clients);
        assert.equal(code, 0, program.output());
        assert.ok(ms < DRAIN_MAX_MS, `${ms} ms`);
        const rows = program.rows('SELECT CAST(body AS TEXT) AS body FROM events');
        const inLog = new Set(rows.map((row) => row['body']));
        for (const n of acknowledged) assert.ok(inLog.has(body(n)), `${n} was acknowledged`);
        // A request on a connection that was being closed was not accepted.
        for (const lost of unanswered) assert.ok(!inLog.has(lost), `${lost} was recorded and not answered`);
      }),
    );

    it(
      'waits four seconds for an unfinished body, answers it 503, and exits 0',
      serving(async (program, port) => {
        const { half } = await openHalfSent(port, body(1));
        const startedMs = performance.now();
        const ended = terminate(program);
        const answer = await half.next();
        const ms = performance.now() - startedMs;
        assert.equal(answer.status, 503);
        assert.equal(answer.headers['connection'], 'close');
        assert.equal(answer.headers['retry-after'], '1');
        assert.deepEqual(membersOf(answer), {
          error: 'Service Unavailable',
          message: 'Shutting down, send again',
        });
        assert.ok(ms >= DRAIN_CUT_MS - 100 && ms < DRAIN_CUT_MS + 700, `${ms} ms`);
        const { code, ms: endMs } = await ended;
        assert.equal(code, 0, program.output());
        assert.ok(endMs < DRAIN_MAX_MS, `${endMs} ms`);
        assert.deepEqual(program.rows('SELECT seq FROM events'), []);
      }),
    );

    it(
      'accepts a body that is finished while it waits, and then ends at once',
      serving(async (program, port) => {
        const { half, finish } = await openHalfSent(port, body(1));
        const ended = terminate(program);
        await program.printed('SIGTERM');
        finish();
        const answer = await half.next();
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['connection'], 'close');
        const { code, ms } = await ended;
        assert.equal(code, 0);
        assert.ok(ms < 2000, `${ms} ms`);
        assert.equal(program.rows('SELECT seq FROM events').length, 1);
        assert.match(program.output(), /stopped; the log ends with seq 1, chain [0-9a-f]{64}/);
      }),
    );

    it(
      'closes idle connections at once, accepts no new ones, and answers /health on an open one',
      serving(async (program, port) => {
        const idle = await openRaw(port);
        idle.send(request('GET /health HTTP/1.1'));
        assert.equal((await idle.next()).status, 200);
        const fresh = await openRaw(port);
        fresh.send('GET /health HTTP/1.1\r\n');
        const { half: busy, finish } = await openHalfSent(port, body(1));

        const ended = terminate(program);
        assert.equal(await idle.ended, 'end');
        await until(() => isRefused(port), 'no new connection is accepted');
        fresh.send('Host: localhost\r\n\r\n');
        const health = await fresh.next();
        assert.equal(health.status, 503);
        assert.equal(health.headers['connection'], 'close');
        assert.equal(membersOf(health)['status'], 'shutting_down');
        finish();
        assert.equal((await busy.next()).status, 200);
        assert.equal((await ended).code, 0);
      }),
    );

    it(
      'twice ends at once',
      serving(async (program, port) => {
        const half = await openRaw(port);
        half.send(signedRequest(body(1)).slice(0, -5));
        program.kill('SIGTERM');
        await program.printed('SIGTERM: accepting no new');
        const startedMs = performance.now();
        const { signal } = await program.end('SIGTERM');
        assert.equal(signal, 'SIGKILL');
        assert.ok(performance.now() - startedMs < 1000);
        assert.match(program.output(), /second SIGTERM: exiting immediately/);
      }),
    );

    it(
      'during the start ends it at any moment, and the next start works',
      inFolder(async (folder) => {
        for (let afterMs = 100; afterMs <= 800; afterMs += 100) {
          const program = folder.start();
          // Only the moment of the signal varies.
          await new Promise((resolve) => setTimeout(resolve, afterMs));
          const startedMs = performance.now();
          const { code, signal } = await program.end('SIGTERM');
          assert.ok(
            code === 0 || signal === 'SIGTERM',
            `${afterMs} ms: ${code} ${signal} ${program.errors()}`,
          );
          assert.ok(performance.now() - startedMs < DRAIN_MAX_MS);
        }
        const program = folder.start();
        assert.equal((await deliver(await program.listening(), body(1))).status, 200);
      }),
    );

    for (const same of ['SIGINT', 'SIGHUP'] as const) {
      it(
        `and ${same} do the same: requests in progress are answered`,
        inFolder(async (folder) => {
          const program = folder.start();
          const { port } = await program.listening();
          const { half, finish } = await openHalfSent(port, body(1));
          program.kill(same);
          await program.printed(`${same}: accepting no new connections`);
          finish();
          assert.equal((await half.next()).status, 200);
          assert.equal((await program.ended()).code, 0);
          assert.equal(program.rows('SELECT seq FROM events').length, 1);
        }),
      );
    }

    it(
      'and closing its terminal do the same: requests in progress are answered',
      inFolder(async (folder, t) => {
        if (lacksTerminal(t)) return;
        const terminal = folder.start({}, IN_TERMINAL);
        const { port } = await terminal.listening();
        const { half, finish } = await openHalfSent(port, body(1));
        await terminal.end('SIGKILL');
        await until(() => isRefused(port), 'it is draining');
        finish();
        assert.equal((await half.next()).status, 200);
        assert.equal(await half.ended, 'end');
        assert.equal(query(folder.databasePath, 'SELECT seq FROM events').length, 1);
      }),
    );

    it(
      'before SIGTERM makes that end it immediately; after SIGTERM it changes nothing',
      inFolder(async (folder) => {
        for (const [first, second, expected] of [
          ['SIGHUP', 'SIGTERM', { code: null, signal: 'SIGKILL' }],
          ['SIGTERM', 'SIGHUP', { code: 0, signal: null }],
        ] as const) {
          const program = folder.start();
          const { port } = await program.listening();
          const half = await openRaw(port);
          half.send(signedRequest(body(1)).slice(0, -5));
          program.kill(first);
          await program.printed(`${first}: accepting no new`);
          const { code, signal } = await program.end(second);
          assert.deepEqual({ code, signal }, expected);
        }
      }),
    );
  });

  it(
    'killed with -9 under load leaves everything that was acknowledged in the log, once',
    inFolder(async (folder) => {
      const acknowledged: string[] = [];
      let sent = 0;
      for (let round = 1; round <= 3; round++) {
        const program = folder.start({ LOG_LEVEL: 'warn' });
        const { port } = await program.listening();
        const enough = 40 * round;
        const client = async () => {
          const connection = await openRaw(port);
          for (;;) {
            sent += 1;
            const text = body(sent);
            connection.send(signedRequest(text));
            const answer = await connection.next().catch(() => undefined);
            if (answer === undefined) return;
            assert.equal(answer.status, 200);
            acknowledged.push(text);
            if (acknowledged.length >= enough) program.kill('SIGKILL');
          }
        };
        await Promise.all(Array.from({ length: 8 }, client));
        assert.equal((await program.ended()).signal, 'SIGKILL');
        // What the dead process wrote must be sound, read as the next start would read it.
        const rows = program.rows('SELECT seq, CAST(body AS TEXT) AS body FROM events ORDER BY seq');
        const inLog = new Set(rows.map((row) => row['body']));
        for (const text of acknowledged) assert.ok(inLog.has(text), `${text} was acknowledged`);
        assert.equal(inLog.size, rows.length);
        assert.deepEqual(
          rows.map((row) => row['seq']),
          rows.map((_, index) => index + 1),
        );
      }
      const program = folder.start();
      const again = await deliver(await program.listening(), acknowledged[0] ?? '');
      assert.equal(again.json['duplicate'], true);
    }),
  );

  describe('the start', { concurrency: 2 }, () => {
    it(
      'with a wrong configuration exits 78 and names every problem at once',
      inFolder(async (folder) => {
        const program = folder.start({ PORT: '70000', MAX_AGE: '5m', LOG_LEVEL: 'loud' });
        assert.equal((await program.ended()).code, 78);
        const problems = program.errors();
        for (const name of ['PORT', 'MAX_AGE', 'LOG_LEVEL'])
          assert.match(problems, new RegExp(`^  ${name}\\b`, 'm'));
        assert.match(problems, /PORT="70000": must be a whole number from 0 to 65535/);
        assert.doesNotMatch(problems, /^\s+at /m);
      }),
    );

    it(
      'reports a port in use in one line',
      inFolder(async (folder) => {
        const { port, close } = await takenPort();
        const program = folder.start({ PORT: String(port) });
        const { code } = await program.ended();
        await close();
        assert.ok(code !== 0 && code !== null);
        assert.match(
          program.errors(),
          new RegExp(`^127\\.0\\.0\\.1, port ${port} is in use by another program[^\\n]*\\n$`),
        );
      }),
    );

    for (const [what, open] of [
      ['a file', 'exec 3</dev/null;'],
      ['nothing', ''],
    ] as const) {
      it(
        `reports ${what} instead of a supervisor's socket in one line`,
        inFolder(async (folder) => {
          const start = `${open} LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"`;
          const program = folder.start({}, ['sh', '-c', start, 'sh']);
          assert.equal((await program.ended()).code, 69);
          assert.match(
            program.errors(),
            /^LISTEN_FDS: descriptor 3 is not a listening TCP socket \([^\n]*\): let the supervisor open[^\n]*\n$/,
          );
        }),
      );
    }

    it(
      'on a port that a supervisor holds for another process advises starting node directly',
      inFolder(async (folder) => {
        const { port, close } = await takenPort();
        const program = folder.start({ PORT: String(port), LISTEN_FDS: '1', LISTEN_PID: '1' });
        assert.equal((await program.ended()).code, 69);
        await close();
        assert.match(
          program.errors(),
          /LISTEN_PID names another process[^\n]*start node directly, not npm[^\n]*\n$/,
        );
      }),
    );

    it(
      'without a secret makes one, keeps it in its own file, and never prints it',
      inFolder(async (folder) => {
        const program = folder.start({ WEBHOOK_SECRET: '' });
        await program.listening();
        assert.match(program.output(), /secret +data\/development-secret/);
        assert.doesNotMatch(program.output() + program.errors(), /[0-9a-f]{64}/);
      }),
    );

    it(
      'prints the token of the admin pages only to a terminal, as a link that opens them',
      inFolder(async (folder, t) => {
        const env = { ADMIN_PORT: String(await freePort()) };
        const url = `http://127.0.0.1:${env.ADMIN_PORT}/`;
        const token = () => readFileSync(join(folder.path, 'data/admin-token'), 'utf8').trim();
        for (const [more, line] of [
          [{}, `  admin pages  ${url} (the token is in data/admin-token)\n`],
          [{ ADMIN_TOKEN }, `  admin pages  ${url} (the token is in ADMIN_TOKEN)\n`],
          [{ LOG_FORMAT: 'json' }, `"admin":"${url}","admin_token_in":"data/admin-token"`],
          [{ LOG_FORMAT: 'json', ADMIN_TOKEN }, `"admin":"${url}","admin_token_in":"ADMIN_TOKEN"`],
        ] as const) {
          const program = folder.start({ ...env, ...more });
          await program.listening();
          await terminate(program);
          assert.ok(program.output().includes(line), program.output());
          for (const secret of [token(), ADMIN_TOKEN])
            assert.ok(!(program.output() + program.errors()).includes(secret));
        }
        if (lacksTerminal(t)) return;
        for (const [more, link] of [
          [{}, `admin pages  ${url}?token=${token()}\r\n`],
          [{ ADMIN_TOKEN }, `admin pages  ${url}?token=${encodeURIComponent(ADMIN_TOKEN)}\r\n`],
          [{ LOG_FORMAT: 'json' }, `"admin_token_in":"data/admin-token"`],
        ] as const) {
          const terminal = folder.start({ ...env, ...more }, IN_TERMINAL);
          const { port } = await terminal.listening();
          await terminal.printed(link);
          if ('LOG_FORMAT' in more) assert.ok(!terminal.output().includes(token()));
          else
            assert.equal(
              (await fetch(/http\S+token=\S+/.exec(terminal.output())?.[0] ?? '', { redirect: 'manual' }))
                .status,
              303,
            );
          terminal.kill('SIGKILL');
          await until(() => isRefused(port), 'it has ended');
        }
      }),
    );

    it(
      'without signature verification warns loudly',
      inFolder(async (folder) => {
        const program = folder.start({ NODE_ENV: 'development', SKIP_SIGNATURE_VERIFICATION: 'true' });
        await program.listening();
        await program.printed(/WARN SKIP_SIGNATURE_VERIFICATION=true/);
      }),
    );
  });
});

function isRefused(port: number): Promise<boolean> {
  return openRaw(port).then(
    (connection) => {
      connection.close();
      return false;
    },
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );
}
