/** What a clone needs to run: the Node version, the path, the packages; and its one command. */

import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { after, describe, it } from 'node:test';
import { nodeProblem } from '../scripts/node/version.mjs';
import { EX_CONFIG } from '../src/config/config.ts';
import { freePort } from './support/free-port.ts';
import { startProgram } from './support/program.ts';
import { temporaryFolder } from './support/receiver.ts';

const root = join(import.meta.dirname, '..');
const folder = temporaryFolder();
after(() => folder.remove());

/** Makes a folder like the one that `git clone` makes. @param name the name of the folder */
function clone(name: string): string {
  const path = join(folder.path, name);
  for (const part of ['irisx', 'package.json', 'scripts', 'src'])
    cpSync(join(root, part), join(path, part), {
      recursive: true,
      filter: (source) => !relative(root, source).includes('node_modules'),
    });
  return path;
}

function withPackages(path: string): string {
  symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'));
  return path;
}

/** A server that should have refused to start is killed after this time. */
const RUN_MS_MAX = 30_000;
/** Makes Node report an older version. */
const OLD_NODE = [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });",
  )}`,
];

/** The environment of a machine whose Node is the one that runs this test. */
const environment = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
  ADMIN_PORT: '0',
  ...more,
});

function run(cwd: string, command: readonly string[], env: Record<string, string> = {}) {
  const [file = '', ...args] = command;
  return spawnSync(file, args, { cwd, env: environment(env), encoding: 'utf8', timeout: RUN_MS_MAX });
}

function refused({ status, stdout, stderr }: SpawnSyncReturns<string>, message: RegExp): void {
  assert.match(stderr, message);
  assert.equal(stderr.indexOf('\n'), stderr.length - 1, 'one line');
  assert.equal(stdout, '');
  assert.equal(status, EX_CONFIG);
}

describe('a clone', () => {
  it('serves from a path with #, %, ?, spaces and umlauts, and runs a handler in TypeScript', async () => {
    const path = withPackages(clone('C# tools, 100% done? für %20'));
    writeFileSync(
      join(path, 'my handlers.ts'),
      `import type { Handler } from './src/handlers/handler.ts';
       export const handleCallCompleted: Handler<'call.completed'> = (data, context) =>
         context.log('info', \`handled \${data.call_uuid}\`);`,
    );
    const env = { PORT: String(await freePort()), HANDLERS: 'my handlers.ts' };
    const server = startProgram(['./irisx'], path, environment(env));
    try {
      await server.listening();
      const sent = run(path, ['./irisx', 'send', 'call.completed', '--data', 'call_uuid=c1'], env);
      assert.match(
        sent.stdout,
        /^--> call\.completed\n<-- 200 .* seq 1\n$/,
        sent.stderr + server.output() + server.errors(),
      );
      await server.printed('handled c1');
      assert.match(run(path, ['./irisx', 'events', 'raw', '1']).stdout, /^\{"event":"call\.completed"/);
      await server.stop();
    } finally {
      server.killAll();
    }
    const verified = run(path, ['./irisx', 'verify']);
    assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  });

  it('behaves the same from any folder and through a link', () => {
    const path = withPackages(clone('linked'));
    symlinkSync(join(path, 'irisx'), join(folder.path, 'irisx-link'));
    const { stdout } = run(folder.path, ['./irisx-link', '--help']);
    assert.match(stdout, /^\.\/irisx COMMAND \[options\]; each command has --help\n\n {2}serve {9}starts /);
  });

  it('runs its commands even if the handlers are broken; the server reports what is wrong with them', async () => {
    const path = withPackages(clone('unfinished'));
    const handlers = join(path, 'src/handlers/sms.ts');
    writeFileSync(handlers, `${readFileSync(handlers, 'utf8')}\nexport const unfinished: = 1;\n`);
    const env = { PORT: String(await freePort()) };
    refused(
      run(path, ['./irisx'], env),
      /^src\/handlers cannot be loaded: .* file:\/\/\S+\/src\/handlers\/sms\.ts:\d+\n/,
    );
    const report = run(path, ['./irisx', 'report', 'calls']);
    assert.equal(report.status, 0, report.stderr);
  });
});

describe('Node', () => {
  it('must be 22.18 or newer, as package.json says', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    assert.equal(engines.node, '>=22.18');
    for (const version of ['12.22.9', '18.20.8', '20.20.2', '22.0.0', '22.17.1'])
      assert.equal(
        nodeProblem(version),
        `Node ${version} is too old: install Node 22.18 or newer; Node 24 LTS is recommended`,
      );
    for (const version of ['22.18.0', '22.23.3', '23.6.0', '24.0.0', '26.10.0'])
      assert.equal(nodeProblem(version), undefined, version);
  });
});

describe('an entry', () => {
  const path = clone('without packages');
  const entries: [name: string, entry: string][] = [
    ['the server and the commands', 'scripts/irisx.mjs'],
    ['the build', 'scripts/build.mjs'],
    ['the tests and the fault cases', 'scripts/node/check.mjs'],
  ];
  for (const [name, entry] of entries) {
    it(`${name}: an older Node is refused before anything is loaded`, () => {
      refused(run(path, [process.execPath, ...OLD_NODE, entry]), /^Node 20\.20\.2 is too old: /);
    });
  }

  it('says so if its packages are missing', () => {
    refused(
      run(path, ['./irisx', 'report']),
      /^Cannot find package 'better-sqlite3', which \S.*\.ts needs: run npm ci in .*without packages\n$/,
    );
  });

  it('says why if Node does not run TypeScript', () => {
    const below = clone('node_modules/irisx-webhooks');
    refused(run(below, ['./irisx']), /^Node does not run TypeScript in a folder named node_modules: move /);
    refused(
      run(path, ['./irisx'], { NODE_OPTIONS: '--no-experimental-strip-types' }),
      /^Node \S+ cannot run TypeScript here: /,
    );
  });

  it('names SQLite’s addon if it is missing, and the command that fixes it', () => {
    const broken = clone('without addon');
    for (const part of ['package.json', 'lib'])
      cpSync(
        join(root, 'node_modules/better-sqlite3', part),
        join(broken, 'node_modules/better-sqlite3', part),
        { recursive: true },
      );
    const message =
      /^the SQLite addon for \S+-\S+ cannot be loaded: run npm ci in the folder of this program \(Cannot find module '.*better_sqlite3\.node'\)\n$/;
    const server = run(broken, ['./irisx'], { PORT: '0' });
    assert.match(server.stderr, message);
    assert.equal(server.status, 69);
    assert.match(run(broken, ['./irisx', 'verify']).stderr, message);
    const signed = run(broken, ['./irisx', 'sign', 'package.json']);
    assert.equal(signed.status, 0, 'commands that need no database work');
  });
});

describe('npm ci', () => {
  it('compiles nothing: npm 10 would run node-gyp unless the lock file says gypfile: false', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { gypfile?: boolean }>;
    };
    assert.equal(
      packages['node_modules/better-sqlite3']?.gypfile,
      false,
      'npm install has dropped it: restore it',
    );
  });

  it('installs no Node if the machine’s is new enough', () => {
    const path = clone('installed');
    const { status, stdout, stderr } = run(path, [process.execPath, 'scripts/node/install.mjs']);
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    assert.ok(!existsSync(join(path, 'node_modules')));
  });

  it('links the Node that it has installed, and ./irisx prefers it to the machine’s', () => {
    const path = clone('installed: its own Node');
    const npm = join(folder.path, 'npm-cli.js');
    /** Replaces npm: installs this shell script as node. */
    const installing = (script: string) =>
      `const fs = require('node:fs');
       fs.readFileSync('package-lock.json');
       const bin = 'node_modules/node-${process.platform}-${process.arch}/bin';
       fs.mkdirSync(bin, { recursive: true });
       fs.writeFileSync(bin + '/node', '#!/bin/sh\\n${script}\\n', { mode: 0o755 });`;
    const results: [npm: string, says: RegExp][] = [
      ['process.exit(1);', /; npm could not download a newer one for this folder: run npm ci again\n$/],
      [installing('exit 1'), /; npm has no Node that runs on this machine\n$/],
      [
        installing('echo v24.0.9'),
        /^Node 20\.20\.2 is too old: npm and \.\/irisx use Node 24\.0\.9 in this folder\n$/,
      ],
    ];
    for (const [text, says] of results) {
      writeFileSync(npm, text);
      const env = { npm_execpath: npm };
      const { status, stderr } = run(path, [process.execPath, ...OLD_NODE, 'scripts/node/install.mjs'], env);
      assert.match(stderr, says);
      assert.equal(status, 0);
      assert.equal(existsSync(join(path, 'node_modules/.bin/node')), text.includes('v24.0.9'));
    }
    assert.equal(run(path, ['./irisx', 'verify']).stdout, 'v24.0.9\n');
  });
});
