/** Deployment: the bundle, the image's build steps in a clean folder, the systemd units, the examples. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readConfig } from '../src/config/config.ts';
import { DRAIN_MAX_MS, KEEP_ALIVE_MS, SENDER_TIMEOUT_MS } from '../src/core/limits.ts';
import { freePort } from './support/free-port.ts';
import { startProgram } from './support/program.ts';
import { deliver, SECRET, temporaryFolder } from './support/receiver.ts';

const root = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');

/** The lines of a Dockerfile by stage, with continued lines joined. */
function stagesOf(dockerfile: string): [instruction: string, rest: string][][] {
  const stages: [string, string][][] = [];
  for (const line of dockerfile.replaceAll('\\\n', ' ').split('\n')) {
    const [, instruction, rest] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (instruction === undefined || rest === undefined) continue;
    if (instruction === 'FROM') stages.push([]);
    stages.at(-1)?.push([instruction, rest]);
  }
  return stages;
}

describe('the deployment', () => {
  let folder: { path: string; remove: () => void };
  let build: string;
  const [first = [], second = []] = stagesOf(read('Dockerfile'));
  const valuesOf = (instruction: string) =>
    second.filter(([name]) => name === instruction).map(([, rest]) => rest);
  const ignored = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '');

  /** Runs a command in the folder of the image's first stage. */
  const run = (command: string) => execFileSync('bash', ['-ec', command], { cwd: build, stdio: 'pipe' });

  before(() => {
    folder = temporaryFolder();
    build = join(folder.path, 'C# build, 100% done? für %20');
    mkdirSync(build);
    for (const [instruction, rest] of first) {
      if (instruction === 'COPY' && rest === '. .') {
        for (const name of readdirSync(root))
          if (!ignored.includes(name)) cpSync(join(root, name), join(build, name), { recursive: true });
      } else if (instruction === 'COPY') {
        for (const name of rest.split(' ').slice(0, -1)) copyFileSync(join(root, name), join(build, name));
      } else if (instruction === 'RUN' && rest.startsWith('npm ci ')) {
        symlinkSync(join(root, 'node_modules'), join(build, 'node_modules')); // what it would install
      } else if (instruction === 'RUN') {
        run(rest);
      }
    }
  });
  after(() => folder.remove());

  it('is built without touching the old bundle if the build fails or is for another platform', () => {
    const states = () =>
      ['irisx-webhooks.mjs', 'better_sqlite3.node'].map((name) => statSync(join(build, 'dist', name)).ino);
    const before = states();
    const otherPlatform = process.platform === 'win32' ? 'linux-x64' : 'win32-x64';
    run(`npm run build -- --platform ${otherPlatform}`);
    const addon = readFileSync(join(build, 'dist', otherPlatform, 'better_sqlite3.node'));
    assert.equal(addon.subarray(0, 2).toString(), 'MZ', 'a Windows library');
    assert.throws(
      () => run('npm run build -- --platform amiga'),
      /"amiga": npm run build -- --platform .*win32-x64/,
    );

    const source = join(build, 'src/handlers/sms.ts');
    const text = readFileSync(source, 'utf8');
    writeFileSync(source, `${text}\nexport const unfinished: = 1;\n`);
    assert.throws(() => run('npm run build'), /src\/handlers\/sms\.ts/);
    assert.deepEqual(states(), before);

    writeFileSync(source, text);
    run('npm run build');
    assert.notDeepEqual(states(), before);
    assert.deepEqual(readdirSync(join(build, 'dist')).toSorted(), [
      'better_sqlite3.node',
      'irisx-webhooks.mjs',
      otherPlatform,
    ]);
  });

  it('without its addon, or with one for another platform, names it and says how to make it', () => {
    const place = join(folder.path, 'no addon');
    mkdirSync(place);
    copyFileSync(join(build, 'dist/irisx-webhooks.mjs'), join(place, 'irisx-webhooks.mjs'));
    const refused = () => {
      const env = { PORT: '0', ADMIN_PORT: '0' };
      const { status, stderr } = spawnSync(process.execPath, ['irisx-webhooks.mjs'], {
        cwd: place,
        env,
        encoding: 'utf8',
        timeout: 30_000,
      });
      assert.equal(status, 69, stderr);
      assert.match(
        stderr,
        /^the SQLite addon for (\S+) cannot be loaded: run `npm run build -- --platform \1` and copy its better_sqlite3\.node to the folder of this program \(.*better_sqlite3\.node.*\)\n$/,
      );
    };
    refused();
    const addon = join(place, 'better_sqlite3.node');
    writeFileSync(addon, readFileSync(join(build, 'dist/better_sqlite3.node')).subarray(0, 1_000_000));
    refused(); // loading it would end the process with SIGBUS
    copyFileSync(
      join(root, 'node_modules/better-sqlite3/prebuilds/win32-x64.node'),
      join(place, 'better_sqlite3.node'),
    );
    refused();
  });

  it('as a bundle serves, sends, reports, rebuilds and verifies with only node', async () => {
    const place = join(folder.path, 'bundle 100% done? für C#');
    mkdirSync(place);
    for (const name of ['irisx-webhooks.mjs', 'better_sqlite3.node'])
      copyFileSync(join(build, 'dist', name), join(place, name));
    writeFileSync(
      join(place, 'handlers.mjs'),
      `import Sqlite from 'better-sqlite3';
       const own = new Sqlite('own.db');
       export const handleCallCompleted = (data, { log }) =>
         log('info', \`handled by SQLite \${own.prepare('SELECT sqlite_version()').pluck().get()}\`);`,
    );
    const env = {
      PORT: String(await freePort()),
      HOST: '127.0.0.1',
      ADMIN_PORT: String(await freePort()),
      HANDLERS: 'handlers.mjs',
    };
    const program = (...args: string[]) => [process.execPath, 'irisx-webhooks.mjs', ...args];
    const server = startProgram(program(), place, env);
    const run = (...args: string[]) => {
      const [file = '', ...rest] = program(...args);
      return spawnSync(file, rest, { cwd: place, env, encoding: 'utf8' });
    };
    try {
      await server.listening();
      await server.printed('try it');
      assert.match(server.output(), /try it +node irisx-webhooks\.mjs send call\.completed --url /);
      assert.match(run('send', 'call.completed').stdout, /<-- 200 .* seq 1\n/);
      await server.printed('handled by SQLite 3.');
      assert.equal(run('rebuild').status, 0);
      assert.equal(run('verify').status, 0);
      assert.match(run('report', 'calls').stdout, /^total +1 /m);
      assert.match(run('explain', 'seq', '1').stdout, /^calls .*: 1 event/m);
      assert.match(run('events', 'list').stdout, /call\.completed/);
      assert.equal(run('backup', 'copy.db').status, 0);
      assert.match(
        run('rebuild', '--help').stdout,
        /^node irisx-webhooks\.mjs rebuild \[TABLE …\] \[--check\]\n/,
      );
      const unknown = run('fly');
      assert.equal(unknown.status, 64);
      assert.match(
        unknown.stderr,
        /^unknown command "fly"; commands: serve, .*; see node irisx-webhooks\.mjs --help\n$/,
      );
      const token = readFileSync(join(place, 'data/admin-token'), 'utf8').trim();
      const pages = await fetch(`http://127.0.0.1:${env.ADMIN_PORT}/events/1`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      assert.match(await pages.text(), /<title>Event 1 call\.completed/);
      await server.stop();
    } finally {
      server.killAll();
    }
    assert.deepEqual(readdirSync(place).toSorted(), [
      'better_sqlite3.node',
      'copy.db',
      'copy.db.handlers',
      'data',
      'handlers.mjs',
      'irisx-webhooks.mjs',
      'own.db',
    ]);
  });

  it('as an image has two files, a user other than root, and a working health check', async () => {
    const app = join(folder.path, 'app');
    mkdirSync(app);
    for (const [instruction, rest] of second) {
      if (instruction !== 'COPY') continue;
      const [from, ...names] = rest.split(' ').slice(0, -1);
      assert.equal(from, '--from=build');
      for (const name of names)
        copyFileSync(join(build, name.replace('/build/', '')), join(app, name.split('/').at(-1) ?? ''));
    }
    assert.deepEqual(readdirSync(app).toSorted(), ['better_sqlite3.node', 'irisx-webhooks.mjs']);
    assert.deepEqual(valuesOf('USER'), ['node']);
    assert.deepEqual(valuesOf('RUN'), ['install -d -m 0700 -o node -g node /app/data']);
    assert.deepEqual(valuesOf('VOLUME'), ['/app/data']);
    const command = JSON.parse(valuesOf('CMD')[0] ?? '') as string[];
    assert.equal(command[0], 'node');
    const check = JSON.parse(/CMD (\[.*\])$/.exec(valuesOf('HEALTHCHECK')[0] ?? '')?.[1] ?? '') as string[];

    const env = {
      PORT: String(await freePort()),
      ADMIN_PORT: '0',
      NODE_ENV: 'production',
      WEBHOOK_SECRET: SECRET,
    };
    const health = () => {
      const [file = '', ...args] = check;
      return spawnSync(file, args, { env: { PATH: process.env['PATH'] ?? '', ...env } }).status;
    };
    assert.equal(health(), 1);
    const server = startProgram(command, app, env);
    try {
      const receiver = await server.listening();
      assert.equal(health(), 0);
      const answer = await deliver(receiver, { event: 'call.ringing', data: { call_uuid: 'c1' } });
      assert.equal(answer.status, 200);
      await server.stop();
    } finally {
      server.killAll();
    }
    assert.equal(statSync(join(app, 'data/irisx.db')).mode & 0o777, 0o600);
  });

  it('with systemd is hardened, and ends after the drain', (t) => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
      assert.ok(process.env['CI'] === undefined, 'systemd is not installed');
      return t.skip('needs systemd');
    }
    const units = ['service', 'socket'].map((kind) => join(root, `deploy/irisx-webhooks.${kind}`));
    const place = join(folder.path, 'units');
    mkdirSync(place);
    for (const unit of units) copyFileSync(unit, join(place, unit.split('/').at(-1) ?? ''));
    const analyze = (...args: string[]) =>
      spawnSync('systemd-analyze', args, { cwd: place, encoding: 'utf8' });
    // The only permitted complaint is that node is not in /usr/bin.
    const { stderr } = analyze('verify', './irisx-webhooks.service', './irisx-webhooks.socket');
    assert.deepEqual(
      stderr
        .split('\n')
        .filter((line) => line !== '' && !line.includes('Command /usr/bin/node is not executable')),
      [],
    );
    const { stdout } = analyze('security', '--offline=true', './irisx-webhooks.service');
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    assert.ok(exposure <= 2, `exposure ${exposure}`);
    const stopS = Number(/^TimeoutStopSec=(\d+)$/m.exec(read('deploy/irisx-webhooks.service'))?.[1]);
    assert.ok(stopS * 1000 > DRAIN_MAX_MS);
    return undefined;
  });

  it('by pm2 starts one process and leaves it time to drain', () => {
    const [app, ...others] = pm2Apps();
    assert.equal(others.length, 0);
    assert.equal(app?.instances, 1);
    assert.ok((app?.kill_timeout ?? 0) > DRAIN_MAX_MS);
    assert.ok(existsSync(join(build, app?.script ?? '')), 'npm run build makes the script that it starts');
  });
});

/** What pm2 starts. */
function pm2Apps(): {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly kill_timeout: number;
  readonly instances: number;
}[] {
  return createRequire(import.meta.url)(join(root, 'deploy/ecosystem.config.cjs')).apps;
}

/** The value of a directive in a file of `deploy`, whose unit must be one of these. */
function directive(file: string, name: string, units: Readonly<Record<string, number>>): number {
  const found = new RegExp(`^\\s*${name}[ =](\\d+)(\\w*);?$`, 'm').exec(read(`deploy/${file}`));
  const unit = units[found?.[2] ?? ''];
  assert.ok(found !== null && unit !== undefined, `${file}: ${name}`);
  return Number(found[1]) * unit;
}

describe('a proxy on the same machine', () => {
  it('is the only way in from outside: the server behind it listens on 127.0.0.1', () => {
    assert.deepEqual(read('deploy/irisx-webhooks.socket').match(/^Listen\w+=.*$/gm), [
      'ListenStream=127.0.0.1:3000',
    ]);
    for (const { env } of pm2Apps()) assert.equal(env['HOST'], '127.0.0.1');
    const published = ['README.md', 'docs/OPERATIONS.md', 'docs/SECURITY.md']
      .flatMap((name) => [...read(name).matchAll(/(?<=\s|`)-p (\S+:\d+)/g)])
      .map(([, port = '']) => port);
    assert.ok(published.length > 0);
    for (const port of published) assert.match(port, /^127\.0\.0\.1:/);
    for (const file of ['Caddyfile', 'nginx.conf'])
      for (const [address] of read(`deploy/${file}`).matchAll(/\S+:3000\b/g))
        assert.match(address, /^(http:\/\/)?127\.0\.0\.1:3000$/, file);
  });

  it('lets through every body that the receiver accepts', () => {
    const { bodyBytesMax } = readConfig({});
    // 1 MB is 1,000,000 bytes for Caddy; 1m is 1,048,576 for nginx.
    const caddy = directive('Caddyfile', 'max_size', { KB: 1e3, MB: 1e6, KiB: 2 ** 10, MiB: 2 ** 20 });
    assert.ok(caddy >= bodyBytesMax, `Caddy: ${caddy}`);
    const nginx = directive('nginx.conf', 'client_max_body_size', { k: 2 ** 10, m: 2 ** 20 });
    assert.ok(nginx >= bodyBytesMax, `nginx: ${nginx}`);
  });

  it('waits for an answer as long as the sender, and keeps no connection longer than the receiver', () => {
    assert.ok(directive('nginx.conf', 'proxy_read_timeout', { s: 1000 }) > SENDER_TIMEOUT_MS);
    assert.doesNotMatch(read('deploy/nginx.conf'), /upstream \S+ \{|keepalive/, 'nginx opens one each time');
    assert.ok(directive('Caddyfile', 'keepalive', { s: 1000 }) < KEEP_ALIVE_MS); // Caddy's default is 2 minutes
  });

  it('sets the client’s address itself, and lets no client choose a request id', () => {
    const nginx = read('deploy/nginx.conf');
    assert.match(nginx, /^ {4}proxy_set_header X-Forwarded-For \$remote_addr;$/m);
    assert.match(nginx, /^ {4}proxy_set_header X-Request-Id \$request_id;$/m);
    // In a location block, they would replace all of these.
    assert.doesNotMatch(nginx, /location [^}]*proxy_set_header/);
    const caddy = read('deploy/Caddyfile');
    assert.match(caddy, /^\s+header_up X-Request-Id \{http\.request\.uuid\}$/m);
    // Unless trusted proxies are configured, Caddy drops a client's own X-Forwarded-For.
    assert.doesNotMatch(caddy, /trusted_proxies|header_up \+?X-Forwarded/);
  });
});
