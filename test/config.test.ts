import assert from 'node:assert/strict';
import { realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { type Config, ConfigError, readConfig } from '../src/config.ts';
import { temporaryFolder } from './support/receiver.ts';

type Environment = Record<string, string | undefined>;

/** The problems of an environment; empty where it makes a Config. */
function problems(env: Environment): readonly string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
}

function onlyProblem(env: Environment): string {
  const found = problems(env);
  assert.equal(found.length, 1, JSON.stringify(found));
  return found[0] ?? '';
}

describe('an empty environment', () => {
  it('gives the documented defaults', () => {
    const { trustedProxies, ...config } = readConfig({});
    assert.deepEqual(config, {
      port: 3000,
      host: undefined,
      listenFd: undefined,
      isSocketOfAnother: false,
      environment: 'development',
      secrets: [],
      skipSignatureVerification: false,
      maxAgeS: 300,
      bodyBytesMax: 1_048_576,
      databasePath: resolve('data/irisx.db'),
      rateLimitMax: 1000,
      rateLimitWindowMs: 900_000,
      rateLimitSkipVerified: true,
      handlers: { modulePath: undefined, timeoutMs: 30_000, runsMax: 8, forward: undefined },
      admin: { port: 3001, host: '127.0.0.1', token: undefined },
      logLevel: 'info',
      logFormat: 'text',
    });
    assert.equal(trustedProxies.has('127.0.0.1'), true);
    assert.equal(trustedProxies.has('10.0.0.1'), false);
  });

  it('is what empty values amount to', () => {
    const empty = Object.fromEntries(
      ['PORT', 'HOST', 'WEBHOOK_SECRET', 'MAX_AGE', 'DATABASE_URL', 'TRUST_PROXY', 'LOG_LEVEL'].map(
        (name) => [name, ' '],
      ),
    );
    const { trustedProxies: _, ...config } = readConfig(empty);
    const { trustedProxies: __, ...defaults } = readConfig({});
    assert.deepEqual(config, defaults);
  });
});

describe('forwarding', () => {
  const KEY = Buffer.alloc(32, 7);
  const FORWARD_SECRET = `whsec_${KEY.toString('base64')}`;
  const FORWARD_URL = 'https://example.com/hook';

  it('has a URL, a key, and all events unless some are chosen', () => {
    const { forward } = readConfig({ FORWARD_URL, FORWARD_SECRET }).handlers;
    assert.deepEqual(forward, { url: FORWARD_URL, events: ['*'], key: KEY });
    const chosen = readConfig({ FORWARD_URL, FORWARD_SECRET, FORWARD_EVENTS: 'call.failed, sms.*' });
    assert.deepEqual(chosen.handlers.forward?.events, ['call.failed', 'sms.*']);
    const bare = readConfig({ FORWARD_URL, FORWARD_SECRET: KEY.toString('base64') });
    assert.deepEqual(bare.handlers.forward?.key, KEY);
  });

  it('needs an address that can be posted to', () => {
    for (const url of ['example.com', 'ftp://example.com/', 'https://me:word@example.com/'])
      assert.match(
        onlyProblem({ FORWARD_URL: url, FORWARD_SECRET }),
        /^FORWARD_URL=".*": must be an http or https/,
      );
  });

  it('needs a secret of 24 to 64 bytes', () => {
    assert.match(onlyProblem({ FORWARD_URL }), /^FORWARD_SECRET is not set: .*openssl rand -base64 32/);
    for (const bytes of [23, 65]) {
      const short = `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;
      assert.match(onlyProblem({ FORWARD_URL, FORWARD_SECRET: short }), /^FORWARD_SECRET is wrong/);
    }
    for (const bytes of [24, 64])
      assert.deepEqual(
        problems({ FORWARD_URL, FORWARD_SECRET: Buffer.alloc(bytes, 7).toString('base64') }),
        [],
      );
    assert.match(
      onlyProblem({ FORWARD_URL, FORWARD_SECRET: `whsec_${'ö'.repeat(40)}` }),
      /^FORWARD_SECRET is wrong/,
    );
  });

  it('takes types and families of events alone', () => {
    for (const events of ['call failed', 'call.failed,,sms.sent', 'call.*.x'])
      assert.match(
        onlyProblem({ FORWARD_URL, FORWARD_SECRET, FORWARD_EVENTS: events }),
        /^FORWARD_EVENTS: must be/,
      );
  });

  it('is named as useless without an address', () => {
    assert.equal(
      onlyProblem({ FORWARD_SECRET }),
      'FORWARD_SECRET is set without FORWARD_URL: nothing is forwarded',
    );
  });
});

describe('the admin pages', () => {
  const ADMIN_TOKEN = 'x'.repeat(16);

  it('are on this machine alone unless another address is set, and make their token where none is set', () => {
    assert.deepEqual(readConfig({}).admin, { port: 3001, host: '127.0.0.1', token: undefined });
    assert.equal(readConfig({ ADMIN_PORT: '0' }).admin.port, 0);
    assert.deepEqual(problems({ ADMIN_HOST: '0.0.0.0' }), []);
  });

  it('have a token that cannot be guessed', () => {
    assert.match(
      onlyProblem({ ADMIN_TOKEN: ADMIN_TOKEN.slice(1) }),
      /^ADMIN_TOKEN has 15 characters: must have 16 or more; /,
    );
    assert.equal(readConfig({ ADMIN_TOKEN }).admin.token, ADMIN_TOKEN);
  });

  it('have a port of their own', () => {
    assert.match(onlyProblem({ PORT: '3001' }), /^ADMIN_PORT=3001: is PORT, too: /);
    assert.deepEqual(problems({ PORT: '0', ADMIN_PORT: '0' }), []);
  });
});

describe('whole numbers', () => {
  const NUMBERS: [name: string, min: number, max: number, read: (config: Config) => number][] = [
    ['PORT', 0, 65_535, ({ port }) => port],
    ['ADMIN_PORT', 0, 65_535, ({ admin }) => admin.port],
    ['MAX_AGE', 1, 86_400, ({ maxAgeS }) => maxAgeS],
    ['MAX_BODY_BYTES', 1024, 16_777_216, ({ bodyBytesMax }) => bodyBytesMax],
    ['RATE_LIMIT_MAX', 0, 1_000_000_000, ({ rateLimitMax }) => rateLimitMax],
    ['HANDLER_TIMEOUT_MS', 100, 3_600_000, ({ handlers }) => handlers.timeoutMs],
    ['HANDLER_CONCURRENCY', 1, 64, ({ handlers }) => handlers.runsMax],
    ['RATE_LIMIT_WINDOW_MS', 1000, 86_400_000, ({ rateLimitWindowMs }) => rateLimitWindowMs],
  ];

  for (const [name, min, max, read] of NUMBERS) {
    it(`${name} is taken from ${min} to ${max}`, () => {
      for (const value of [min, min + 1, max - 1, max])
        assert.equal(read(readConfig({ [name]: String(value) })), value);
      assert.equal(read(readConfig({ [name]: ` ${max} ` })), max);
    });

    it(`${name} beyond that, or in another notation, is reported with its name, value and range`, () => {
      for (const value of [
        min - 1,
        max + 1,
        'x',
        '1e4',
        '0x1000',
        '3000.0',
        '+3000',
        '-0',
        '30 00',
        'NaN',
        '9'.repeat(20),
      ]) {
        const problem = onlyProblem({ [name]: String(value) });
        const start = `${name}=${JSON.stringify(String(value))}: must be a whole number from ${min} to ${max}`;
        assert.ok(problem.startsWith(start), problem);
      }
    });
  }
});

describe('words', () => {
  const WORDS: [name: string, allowed: string[], read: (config: Config) => unknown][] = [
    ['NODE_ENV', ['development', 'test', 'production'], ({ environment }) => environment],
    ['LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'fatal'], ({ logLevel }) => logLevel],
    ['LOG_FORMAT', ['text', 'json'], ({ logFormat }) => logFormat],
    ['RATE_LIMIT_SKIP_VERIFIED', ['true', 'false'], (config) => String(config.rateLimitSkipVerified)],
  ];

  for (const [name, allowed, read] of WORDS) {
    it(`${name} is one of ${allowed.join(', ')}`, () => {
      for (const word of allowed) assert.equal(read(readConfig({ WEBHOOK_SECRET: 's', [name]: word })), word);
      for (const word of ['yes', '1', allowed[0]?.toUpperCase(), `${allowed[0]}x`]) {
        const problem = onlyProblem({ [name]: word });
        assert.ok(problem.startsWith(`${name}="${word}": must be `), problem);
        for (const each of allowed) assert.ok(problem.includes(each), problem);
      }
    });
  }

  it('the log is JSON in production, unless it is set', () => {
    const production = { NODE_ENV: 'production', WEBHOOK_SECRET: 's' };
    assert.equal(readConfig(production).logFormat, 'json');
    assert.equal(readConfig({ ...production, LOG_FORMAT: 'text' }).logFormat, 'text');
    assert.equal(readConfig({ NODE_ENV: 'test' }).logFormat, 'text');
  });
});

describe('WEBHOOK_SECRET', () => {
  it('is one secret or several, trimmed, without empty ones', () => {
    assert.deepEqual(readConfig({ WEBHOOK_SECRET: 'one' }).secrets, ['one']);
    assert.deepEqual(readConfig({ WEBHOOK_SECRET: ' one , two,, three ,' }).secrets, ['one', 'two', 'three']);
    assert.deepEqual(readConfig({ WEBHOOK_SECRET: 'clé ☎ 秘密' }).secrets, ['clé ☎ 秘密']);
  });

  it('is demanded in production, and only there', () => {
    for (const secret of [undefined, '', ' ', ',', ' , ']) {
      const env = secret === undefined ? {} : { WEBHOOK_SECRET: secret };
      assert.match(
        onlyProblem({ NODE_ENV: 'production', ...env }),
        /^WEBHOOK_SECRET is not set: with NODE_ENV=production/,
      );
      assert.deepEqual(readConfig({ NODE_ENV: 'development', ...env }).secrets, []);
      assert.deepEqual(readConfig({ NODE_ENV: 'test', ...env }).secrets, []);
    }
    assert.deepEqual(readConfig({ NODE_ENV: 'production', WEBHOOK_SECRET: 's' }).secrets, ['s']);
  });

  it('is never in what is reported', () => {
    const secret = 'c0ffee'.repeat(8);
    const found = problems({
      WEBHOOK_SECRET: secret,
      PORT: 'x',
      NODE_ENV: 'x',
      SKIP_SIGNATURE_VERIFICATION: 'x',
      DATABASE_URL: 'postgresql://localhost/x',
    });
    assert.equal(found.length, 4);
    assert.doesNotMatch(found.join(), new RegExp(secret));
  });
});

describe('SKIP_SIGNATURE_VERIFICATION', () => {
  it('is taken only with NODE_ENV=development set beside it', () => {
    const env = { SKIP_SIGNATURE_VERIFICATION: 'true' };
    assert.equal(readConfig({ ...env, NODE_ENV: 'development' }).skipSignatureVerification, true);
    for (const NODE_ENV of [undefined, '', 'test', 'production']) {
      assert.match(
        onlyProblem({ ...env, NODE_ENV, WEBHOOK_SECRET: 's' }),
        /^SKIP_SIGNATURE_VERIFICATION=true: allowed only with NODE_ENV=development/,
        String(NODE_ENV),
      );
    }
  });

  it('is off by default, by "false", and never on by another word', () => {
    assert.equal(readConfig({ NODE_ENV: 'development' }).skipSignatureVerification, false);
    assert.equal(
      readConfig({ NODE_ENV: 'production', WEBHOOK_SECRET: 's', SKIP_SIGNATURE_VERIFICATION: 'false' })
        .skipSignatureVerification,
      false,
    );
    for (const word of ['1', 'yes', 'TRUE', 'True']) {
      assert.match(
        onlyProblem({ NODE_ENV: 'development', SKIP_SIGNATURE_VERIFICATION: word }),
        /^SKIP_SIGNATURE_VERIFICATION=".*": must be true or false$/,
      );
    }
  });
});

describe('DATABASE_URL', () => {
  const path = (url: string) => readConfig({ DATABASE_URL: url }).databasePath;

  it('is a file: URL or a path, absolute or not', () => {
    for (const [url, expected] of [
      ['file:data/x.db', resolve('data/x.db')],
      ['file:./data/x.db', resolve('data/x.db')],
      ['file:/srv/irisx/x.db', '/srv/irisx/x.db'],
      ['file:///srv/irisx/x.db', '/srv/irisx/x.db'],
      ['FILE:/srv/x.db', '/srv/x.db'],
      ['data/x.db', resolve('data/x.db')],
      ['/srv/irisx/x.db', '/srv/irisx/x.db'],
      ['../x.db', resolve('../x.db')],
      ['/srv/my data/x.db', '/srv/my data/x.db'],
    ] as const) {
      assert.equal(path(url), expected, url);
    }
  });

  it('of another database is refused with the way out, and without its password', () => {
    for (const scheme of ['postgresql', 'postgres', 'mysql', 'sqlite', 'libsql', 'http']) {
      const problem = onlyProblem({ DATABASE_URL: `${scheme}://admin:hunter2@db.example/irisx` });
      assert.match(problem, new RegExp(`^DATABASE_URL: ${scheme}: databases are not supported`));
      assert.match(problem, /file:data\/irisx\.db/);
      assert.doesNotMatch(problem, /hunter2/);
    }
  });

  it('without a path, with parameters or with a host is refused', () => {
    for (const url of [
      'file:',
      'file:x.db?mode=ro',
      'file:///x.db?cache=shared',
      'file://data/irisx.db',
      'file://',
    ]) {
      assert.match(onlyProblem({ DATABASE_URL: url }), /must be file:PATH without/, url);
    }
  });
});

describe('TRUST_PROXY', () => {
  it('is none, loopback, or a list of addresses and ranges', () => {
    const trusts = (text: string, address: string) =>
      readConfig({ TRUST_PROXY: text }).trustedProxies.has(address);
    assert.equal(trusts('none', '127.0.0.1'), false);
    assert.equal(trusts('loopback', '::1'), true);
    assert.equal(trusts('10.0.0.0/8, 192.0.2.7', '10.9.8.7'), true);
    assert.equal(trusts('10.0.0.0/8, 192.0.2.7', '192.0.2.7'), true);
    assert.equal(trusts('10.0.0.0/8, 192.0.2.7', '127.0.0.1'), false);
  });

  it('names the piece that is none of these', () => {
    const problem = onlyProblem({ TRUST_PROXY: 'loopback,proxy.example' });
    assert.match(problem, /^TRUST_PROXY="loopback,proxy\.example": must be /);
    assert.match(problem, /"proxy\.example" is none$/);
    assert.equal(problems({ TRUST_PROXY: 'true' }).length, 1);
  });
});

describe('a wrong environment', () => {
  it('is reported whole, a line for each problem', () => {
    const env = {
      NODE_ENV: 'staging',
      PORT: '99999',
      MAX_AGE: '0',
      MAX_BODY_BYTES: '1',
      DATABASE_URL: 'postgresql://db/x',
      RATE_LIMIT_MAX: '-1',
      RATE_LIMIT_WINDOW_MS: '5',
      RATE_LIMIT_SKIP_VERIFIED: 'maybe',
      TRUST_PROXY: 'everybody',
      LOG_LEVEL: 'loud',
      LOG_FORMAT: 'xml',
      SKIP_SIGNATURE_VERIFICATION: 'perhaps',
    };
    const found = problems(env);
    const named = found.map((problem) => /^[A-Z_]+/.exec(problem)?.[0]);
    assert.deepEqual(named.toSorted(), Object.keys(env).toSorted());
    assert.throws(
      () => readConfig(env),
      (error: Error) => {
        assert.equal(error.message.split('\n').length, 1 + found.length);
        return true;
      },
    );
  });

  it('stays one line a problem, whatever is in a value', () => {
    const found = problems({
      PORT: 'a\nb',
      TRUST_PROXY: 'a\r\nb',
      NODE_ENV: 'a\u001bb',
      DATABASE_URL: 'file:a\n?',
    });
    assert.equal(found.length, 4);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    for (const problem of found) assert.doesNotMatch(problem, /[\u0000-\u001f]/);
  });
});

describe('a socket that a supervisor holds', () => {
  const PID = 4711;
  const read = (env: Environment) => {
    const { listenFd, isSocketOfAnother } = readConfig(env, PID);
    return { listenFd, isSocketOfAnother };
  };

  it('is descriptor 3, if LISTEN_PID names this process', () => {
    assert.deepEqual(read({ LISTEN_FDS: '1', LISTEN_PID: '4711' }), {
      listenFd: 3,
      isSocketOfAnother: false,
    });
  });

  it('is not touched if it is for another process', () => {
    for (const env of [{ LISTEN_FDS: '1', LISTEN_PID: '4712' }, { LISTEN_FDS: '1' }, { LISTEN_FDS: 'x' }])
      assert.deepEqual(read(env), { listenFd: undefined, isSocketOfAnother: true });
    assert.deepEqual(read({ LISTEN_PID: '4711' }), { listenFd: undefined, isSocketOfAnother: false });
  });

  it('must be one', () => {
    for (const count of ['0', '2', '-1', 'one']) {
      assert.throws(
        () => readConfig({ LISTEN_FDS: count, LISTEN_PID: '4711' }, PID),
        /LISTEN_FDS="[^"]*": must be a whole number from 1 to 1: this program listens on one socket/,
      );
    }
  });
});

it('a database that is a link is known by what the link points to, where its side files are', (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const target = join(realpathSync(folder.path), 'target.db');
  const link = join(folder.path, 'link.db');
  symlinkSync(target, link);
  writeFileSync(target, '');
  assert.equal(readConfig({ DATABASE_URL: link }).databasePath, target);
  assert.equal(readConfig({ DATABASE_URL: `file:${link}` }).databasePath, target);
});
