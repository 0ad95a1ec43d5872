import assert from 'node:assert/strict';
import { chmodSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Config, ConfigError, readConfig } from '../../src/config/config.ts';
import { FROM_FILES } from '../../src/config/variables.ts';
import { CONFIG_FILE_BYTES_MAX } from '../../src/core/limits.ts';
import { temporaryFolder } from '../support/receiver.ts';

type Environment = Record<string, string | undefined>;

/** The problems with an environment; empty if it gives a Config. */
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
      retiredSecrets: [],
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
      warnings: [],
    });
    assert.equal(trustedProxies.has('127.0.0.1'), true);
    assert.equal(trustedProxies.has('10.0.0.1'), false);
  });

  it('is equivalent to one with only empty values', () => {
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

  it('needs an http or https URL', () => {
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
      assert.match(onlyProblem({ FORWARD_URL, FORWARD_SECRET: short }), /^FORWARD_SECRET is not valid/);
    }
    for (const bytes of [24, 64])
      assert.deepEqual(
        problems({ FORWARD_URL, FORWARD_SECRET: Buffer.alloc(bytes, 7).toString('base64') }),
        [],
      );
    assert.match(
      onlyProblem({ FORWARD_URL, FORWARD_SECRET: `whsec_${'ö'.repeat(40)}` }),
      /^FORWARD_SECRET is not valid/,
    );
  });

  it('accepts only event types and families', () => {
    for (const events of ['call failed', 'call.failed,,sms.sent', 'call.*.x'])
      assert.match(
        onlyProblem({ FORWARD_URL, FORWARD_SECRET, FORWARD_EVENTS: events }),
        /^FORWARD_EVENTS: must be/,
      );
  });

  it('is reported as useless without a URL', () => {
    assert.equal(
      onlyProblem({ FORWARD_SECRET }),
      'FORWARD_SECRET is set without FORWARD_URL: nothing is forwarded',
    );
  });
});

describe('the admin pages', () => {
  const ADMIN_TOKEN = 'x'.repeat(16);

  it('listen only on this machine unless another address is set, and have a created token if none is set', () => {
    assert.deepEqual(readConfig({}).admin, { port: 3001, host: '127.0.0.1', token: undefined });
    assert.equal(readConfig({ ADMIN_PORT: '0' }).admin.port, 0);
    assert.deepEqual(problems({ ADMIN_HOST: '0.0.0.0' }), []);
  });

  it('have a token that cannot be guessed', () => {
    assert.match(
      onlyProblem({ ADMIN_TOKEN: ADMIN_TOKEN.slice(1) }),
      /^ADMIN_TOKEN has 15 characters: must have at least 16; /,
    );
    assert.equal(readConfig({ ADMIN_TOKEN }).admin.token, ADMIN_TOKEN);
  });

  it('have a separate port', () => {
    assert.match(onlyProblem({ PORT: '3001' }), /^ADMIN_PORT=3001: is the same as PORT: /);
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
    it(`${name} is accepted from ${min} to ${max}`, () => {
      for (const value of [min, min + 1, max - 1, max])
        assert.equal(read(readConfig({ [name]: String(value) })), value);
      assert.equal(read(readConfig({ [name]: ` ${max} ` })), max);
    });

    it(`${name} is reported with its name, value and range if it is out of range or in another notation`, () => {
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

  it('the log is JSON in production, unless LOG_FORMAT is set', () => {
    const production = { NODE_ENV: 'production', WEBHOOK_SECRET: 's' };
    assert.equal(readConfig(production).logFormat, 'json');
    assert.equal(readConfig({ ...production, LOG_FORMAT: 'text' }).logFormat, 'text');
    assert.equal(readConfig({ NODE_ENV: 'test' }).logFormat, 'text');
  });
});

describe('WEBHOOK_SECRET', () => {
  it('is one or several secrets, trimmed, without empty ones', () => {
    assert.deepEqual(readConfig({ WEBHOOK_SECRET: 'one' }).secrets, ['one']);
    assert.deepEqual(readConfig({ WEBHOOK_SECRET: ' one , two,, three ,' }).secrets, ['one', 'two', 'three']);
    assert.deepEqual(readConfig({ WEBHOOK_SECRET: 'clé ☎ 秘密' }).secrets, ['clé ☎ 秘密']);
  });

  it('is required in production, and only there', () => {
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

  it('never appears in a reported problem', () => {
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

describe('WEBHOOK_SECRETS_RETIRED', () => {
  it('is a separate list, and does not replace WEBHOOK_SECRET', () => {
    const env = { WEBHOOK_SECRET: 'new', WEBHOOK_SECRETS_RETIRED: ' old, older,old ' };
    const { secrets, retiredSecrets } = readConfig(env);
    assert.deepEqual([secrets, retiredSecrets], [['new'], ['old', 'older']]);
    assert.match(
      onlyProblem({ NODE_ENV: 'production', WEBHOOK_SECRETS_RETIRED: 'old' }),
      /^WEBHOOK_SECRET is not set/,
    );
  });

  it('must not contain a secret that is in use', () => {
    const problem = onlyProblem({ WEBHOOK_SECRET: 'new,hunter2', WEBHOOK_SECRETS_RETIRED: 'older,hunter2' });
    assert.match(problem, /^WEBHOOK_SECRETS_RETIRED: one of its secrets is also in WEBHOOK_SECRET/);
    assert.doesNotMatch(problem, /hunter2/);
  });
});

describe('a value from a file', () => {
  let folder: { path: string; remove: () => void };
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  const file = (bytes: string | Uint8Array) => {
    const path = join(folder.path, 'value');
    writeFileSync(path, bytes);
    return path;
  };
  const TOKEN = 'x'.repeat(16);
  const KEY = Buffer.alloc(32, 7);

  it('sets the variable, without a byte order mark or surrounding spaces and line ends', () => {
    for (const text of [TOKEN, `${TOKEN}\n`, `\ufeff \t${TOKEN} \r\n\r\n`]) {
      const path = file(text);
      assert.equal(readConfig({ ADMIN_TOKEN_FILE: path }).admin.token, TOKEN);
      assert.equal(readConfig({ ADMIN_TOKEN_FILE: relative('', path) }).admin.token, TOKEN);
      assert.deepEqual(readConfig({ WEBHOOK_SECRET_FILE: path, NODE_ENV: 'production' }).secrets, [TOKEN]);
      assert.deepEqual(readConfig({ WEBHOOK_SECRETS_RETIRED_FILE: path }).retiredSecrets, [TOKEN]);
      assert.equal(readConfig({ DATABASE_URL_FILE: path }).databasePath, resolve(TOKEN));
    }
    const FORWARD_SECRET_FILE = file(`whsec_${KEY.toString('base64')}\n`);
    const { forward } = readConfig({ FORWARD_URL: 'https://example.com/', FORWARD_SECRET_FILE }).handlers;
    assert.deepEqual(forward?.key, KEY);
    assert.equal(readConfig({ ADMIN_TOKEN: TOKEN, ADMIN_TOKEN_FILE: ' ' }).admin.token, TOKEN);
  });

  it('may have one secret per line, but only one line for any other variable', () => {
    const path = file('one, two\r\n\nthree,\n');
    assert.deepEqual(readConfig({ WEBHOOK_SECRET_FILE: path }).secrets, ['one', 'two', 'three']);
    assert.equal(
      onlyProblem({ DATABASE_URL_FILE: path }),
      `DATABASE_URL_FILE="${path}": the file has 2 lines: it must have one, the value of DATABASE_URL`,
    );
  });

  it('is refused if the variable itself is set too', () => {
    const path = file(TOKEN);
    for (const name of FROM_FILES)
      assert.ok(
        problems({ [name]: TOKEN, [`${name}_FILE`]: path }).includes(
          `${name}_FILE="${path}": ${name} is set too: set only one of the two`,
        ),
        name,
      );
  });

  it('that cannot be read is reported with the variable and the path, along with every other problem', () => {
    for (const [path, expected] of [
      [join(folder.path, 'none'), 'does not exist: check the path'],
      [folder.path, 'is a directory: it must be a file'],
      ['/dev/zero', `has more than ${CONFIG_FILE_BYTES_MAX} bytes: check that it is the right file`],
      ['/dev/null', 'is empty: put the value of WEBHOOK_SECRET into it'],
      [file(' ,\n, \n'), 'is empty: put the value of WEBHOOK_SECRET into it'],
    ] as const) {
      const env = { NODE_ENV: 'production', WEBHOOK_SECRET_FILE: path, PORT: 'x' };
      const [first, second, ...more] = problems(env);
      assert.equal(first, `WEBHOOK_SECRET_FILE="${path}": the file ${expected}`);
      assert.match(second ?? '', /^PORT="x"/);
      assert.deepEqual(more, []);
    }
    assert.match(
      onlyProblem({ WEBHOOK_SECRET_FILE: file(Buffer.from('\ufeffone', 'utf16le')) }),
      /the file is in UTF-16: save it as UTF-8$/,
    );
    const FORWARD_SECRET_FILE = join(folder.path, 'none');
    assert.match(
      onlyProblem({ FORWARD_URL: 'https://example.com/', FORWARD_SECRET_FILE }),
      /^FORWARD_SECRET_FILE=".*none": the file does not exist/,
    );
  });

  it('that this user may not read is reported as such', (t) => {
    if (process.getuid?.() === 0) return t.skip('root may read everything');
    const path = file(TOKEN);
    chmodSync(path, 0);
    assert.match(
      onlyProblem({ ADMIN_TOKEN_FILE: path }),
      /cannot be read by this user \(EACCES\): make it readable$/,
    );
    return undefined;
  });

  it('is also checked for probable mistakes', () => {
    const { warnings } = readConfig({ WEBHOOK_SECRET_FILE: file('one\n"hunter2"\n') });
    assert.match(warnings.join(), /^WEBHOOK_SECRET, secret 2: the value begins or ends with a quote/);
  });
});

describe('a path that needs a shell to expand it', () => {
  it('is refused with advice', () => {
    for (const [name, value, prefix] of [
      ['DATABASE_URL', '~/x.db', 'DATABASE_URL: "~/x.db"'],
      ['DATABASE_URL', 'file:~/x.db', 'DATABASE_URL: "file:~/x.db"'],
      ['DATABASE_URL', '~irisx/x.db', 'DATABASE_URL: "~irisx/x.db"'],
      ['DATABASE_URL', 'file:$HOME/x.db', 'DATABASE_URL: "file:$HOME/x.db"'],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as somebody would write it
      ['DATABASE_URL', '${HOME}/x.db', 'DATABASE_URL: "${HOME}/x.db"'],
      ['HANDLERS', '~/h.mjs', 'HANDLERS="~/h.mjs"'],
      ['WEBHOOK_SECRET_FILE', '~/secret', 'WEBHOOK_SECRET_FILE="~/secret"'],
      ['DATABASE_URL_FILE', '$PWD/url', 'DATABASE_URL_FILE="$PWD/url"'],
    ] as const) {
      const problem = onlyProblem({ [name]: value });
      assert.ok(problem.startsWith(`${prefix}: no shell expands `), problem);
      assert.ok(problem.includes(`, or ./${value.replace('file:', '')} if the name`), problem);
    }
  });

  it('is not one that has such characters elsewhere', () => {
    for (const path of ['./~/x.db', '/srv/~/x.db', 'x~', './$HOME/x.db', '/srv/$data/x.db', '$/x.db'])
      assert.equal(readConfig({ DATABASE_URL: path }).databasePath, resolve(path));
    assert.equal(readConfig({ HANDLERS: './~/h.mjs' }).handlers.modulePath, resolve('~/h.mjs'));
  });
});

it('a wrong value is shown as it was given, with its spaces', () => {
  assert.match(onlyProblem({ PORT: ' 99999 ' }), /^PORT=" 99999 ": must be a whole number from 0 to 65535$/);
  assert.match(onlyProblem({ HANDLERS: ' ~/h.mjs' }), /^HANDLERS=" ~\/h\.mjs": no shell expands ~ here/);
});

describe('SKIP_SIGNATURE_VERIFICATION', () => {
  it('is accepted only together with NODE_ENV=development', () => {
    const env = { SKIP_SIGNATURE_VERIFICATION: 'true' };
    assert.equal(readConfig({ ...env, NODE_ENV: 'development' }).skipSignatureVerification, true);
    for (const NODE_ENV of [undefined, '', 'test', 'production']) {
      assert.match(
        onlyProblem({ ...env, NODE_ENV, WEBHOOK_SECRET: 's' }),
        /^SKIP_SIGNATURE_VERIFICATION=true: allowed only if NODE_ENV=development/,
        String(NODE_ENV),
      );
    }
  });

  it('is off by default and with "false", and no other word turns it on', () => {
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
      ['/srv/my%20data/x.db', '/srv/my%20data/x.db'],
      ['file:/srv/my%20data/x.db', '/srv/my data/x.db'],
      ['file:///srv/my%20data/x.db', '/srv/my data/x.db'],
      ['file://localhost/srv/x.db', '/srv/x.db'],
      ['file:data/f%C3%BCr%3F%23.db', resolve('data/für?#.db')],
      ['file:/srv/100% done/my%20data/x.db', '/srv/100% done/my data/x.db'],
      ['file:/srv/%fc%20x.db', '/srv/%fc%20x.db'],
      ['file:/srv/a%00b.db', '/srv/a%00b.db'],
      ['file:C#/x.db', resolve('C#/x.db')],
    ] as const) {
      assert.equal(path(url), expected, url);
    }
  });

  it('for another database system is refused with advice, and without printing its password', () => {
    for (const scheme of ['postgresql', 'postgres', 'mysql', 'sqlite', 'libsql', 'http']) {
      const problem = onlyProblem({ DATABASE_URL: `${scheme}://admin:hunter2@db.example/irisx` });
      assert.match(problem, new RegExp(`^DATABASE_URL: ${scheme}: databases are not supported`));
      assert.match(problem, /file:data\/irisx\.db/);
      assert.doesNotMatch(problem, /hunter2/);
    }
  });

  it('is refused without a path, with parameters or with a host', () => {
    for (const url of [
      'file:',
      'file:x.db?mode=ro',
      'file:///x.db?cache=shared',
      'file://data/irisx.db',
      'file://localhost',
      'file://localhost.example/x.db',
      'file:x%20y.db?mode=ro',
      'file://',
    ]) {
      assert.match(onlyProblem({ DATABASE_URL: url }), /must be file:PATH without/, url);
    }
  });
});

it('a file: URL whose text is the name of a file that exists means that file', (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const path = realpathSync(folder.path);
  const read = () => readConfig({ DATABASE_URL: `file:${path}/my%20db.db` }).databasePath;
  assert.equal(read(), join(path, 'my db.db'));
  writeFileSync(join(path, 'my%20db.db'), '');
  assert.equal(read(), join(path, 'my%20db.db'));
});

/** What it may be is in address-ranges.test.ts. */
describe('TRUST_PROXY', () => {
  it('names the part that is invalid', () => {
    const problem = onlyProblem({ TRUST_PROXY: 'loopback,proxy.example' });
    assert.match(problem, /^TRUST_PROXY="loopback,proxy\.example": must be /);
    assert.match(problem, /"proxy\.example" is not valid$/);
    assert.equal(problems({ TRUST_PROXY: 'true' }).length, 1);
  });
});

describe('a wrong environment', () => {
  it('is reported completely, one line per problem', () => {
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

  it('stays at one line per problem, whatever a value contains', () => {
    const found = problems({
      PORT: 'a\nb',
      TRUST_PROXY: 'a\r\nb',
      NODE_ENV: 'a\u001bb',
      DATABASE_URL: 'file:a\n?',
    });
    assert.equal(found.length, 4);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that must not appear
    for (const problem of found) assert.doesNotMatch(problem, /[\u0000-\u001f]/);
  });
});

describe('a socket that a supervisor holds', () => {
  const PID = 4711;
  const read = (env: Environment) => {
    const { listenFd, isSocketOfAnother } = readConfig(env, PID);
    return { listenFd, isSocketOfAnother };
  };

  it('is descriptor 3 if LISTEN_PID names this process', () => {
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

  it('must be exactly one', () => {
    for (const count of ['0', '2', '-1', 'one']) {
      assert.throws(
        () => readConfig({ LISTEN_FDS: count, LISTEN_PID: '4711' }, PID),
        /LISTEN_FDS="[^"]*": must be a whole number from 1 to 1: this program listens on one socket/,
      );
    }
  });
});

it('a database path that is a link is resolved to its target, where the side files are', (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const target = join(realpathSync(folder.path), 'target.db');
  const link = join(folder.path, 'link.db');
  symlinkSync(target, link);
  writeFileSync(target, '');
  assert.equal(readConfig({ DATABASE_URL: link }).databasePath, target);
  assert.equal(readConfig({ DATABASE_URL: `file:${link}` }).databasePath, target);
});

describe('warnings', () => {
  const warnings = (env: Environment) => readConfig(env).warnings;

  it('do not occur for ordinary values', () => {
    assert.deepEqual(
      warnings({
        WEBHOOK_SECRET: "clé ☎ 秘密,it's",
        DATABASE_URL: '/srv/my data/x.db',
        HOST: '',
        HOME: '"x"',
      }),
      [],
    );
  });

  it('name a value in quotes, straight or typographic, which Docker’s --env-file keeps', () => {
    for (const quoted of [
      '"hunter2"',
      "'hunter2'",
      '`hunter2`',
      '“hunter2”',
      '„hunter2“',
      '«hunter2»',
      'hunter2"',
      '’hunter2',
    ]) {
      const [warning = '', ...more] = warnings({ WEBHOOK_SECRET: quoted });
      assert.match(
        warning,
        /^WEBHOOK_SECRET: the value begins or ends with a quote character.*--env-file/,
        quoted,
      );
      assert.doesNotMatch(warning, /hunter2/);
      assert.deepEqual(more, []);
    }
    assert.match(warnings({ DATABASE_URL: '"x.db"' }).join(), /^DATABASE_URL: the value begins/);
    assert.match(
      warnings({ WEBHOOK_SECRET: 'new,"hunter2"' }).join(),
      /^WEBHOOK_SECRET, secret 2: the value begins/,
    );
  });

  it('name a comment that became part of a value', () => {
    const [warning = '', ...more] = warnings({ WEBHOOK_SECRET: 'new,hunter2  # the old one' });
    assert.match(warning, /^WEBHOOK_SECRET, secret 2: the value contains a # after a space: /);
    assert.doesNotMatch(warning, /hunter2|old one/);
    assert.deepEqual([more, warnings({ DATABASE_URL: 'C#/a#b.db' })], [[], []]);
  });

  it('name an invisible character in a secret, with its position', () => {
    for (const character of [
      '\u200b',
      '\u00a0',
      '\u202e',
      '\u0007',
      '\t',
      '\n',
      '\u3000',
      '\ufeff',
      '\u2028',
      '\u00ad',
      '\u3164',
      '\ufffd',
      '\ufe0f',
    ]) {
      const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
      const env = { WEBHOOK_SECRET: `new,hunt${character}er`, ADMIN_TOKEN: `${'x'.repeat(16)}${character}x` };
      assert.deepEqual(
        warnings(env).map((text) => text.split(',').slice(0, -1).join()),
        [`WEBHOOK_SECRET, secret 2: character 5 is U+${code}`, `ADMIN_TOKEN: character 17 is U+${code}`],
      );
      assert.doesNotMatch(warnings(env).join(), /hunt/);
    }
  });

  it('name a variable that is a misspelling of one of ours', () => {
    for (const [slip, meant] of [
      ['WEBHOOK_SECRETS', 'WEBHOOK_SECRET'],
      ['ADMINTOKEN', 'ADMIN_TOKEN'],
      ['admin_token', 'ADMIN_TOKEN'],
      ['HANDLER', 'HANDLERS'],
      ['LOG-LEVEL', 'LOG_LEVEL'],
    ] as const)
      assert.deepEqual(warnings({ [slip]: 'x' }), [
        `${slip} is not a variable of this program: did you mean ${meant}?`,
      ]);
    assert.deepEqual(warnings({ ADMINTOKEN: '', PORTAL: 'x', SECRET: 'x', LISTEN_FDNAMES: 'x' }), []);
  });

  it('follow the problems, and come after the warnings about .env', () => {
    const env = { WEBHOOK_SECRET: '"x"', PORT: 'x' };
    assert.throws(
      () => readConfig(env, 1, ['.env line 1']),
      /\n {2}PORT="x".*\n {2}warning: \.env line 1\n {2}warning: WEBHOOK_SECRET: [^\n]*$/,
    );
    assert.equal(readConfig({ WEBHOOK_SECRET: '"x"' }, 1, ['.env line 1']).warnings[0], '.env line 1');
  });
});

it('a secret that is given twice counts once', () => {
  assert.deepEqual(readConfig({ WEBHOOK_SECRET: 'a,b,a' }).secrets, ['a', 'b']);
});
