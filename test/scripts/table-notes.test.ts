/** Every command that reads a table reports the same problems with it. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
  database.append(30);
});
afterEach(() => database.remove());

const CASES = {
  newer: [
    'UPDATE projections SET version = 99 WHERE name = $',
    /the table calls was made by newer code \(version 99, this code has \d+\): update the program; until then this code does not change the table/,
  ],
  older: [
    'UPDATE projections SET version = 0 WHERE name = $',
    /the table calls was made by older code \(version 0, this code has \d+\): a running server rebuilds it; otherwise run \.\/irisx rebuild/,
  ],
  missing: ['DELETE FROM projections WHERE name = $', /the table calls has not been built yet: a running/],
  behind: [
    'UPDATE projections SET applied_seq = 12 WHERE name = $',
    /the table calls reflects the log up to seq 12 of 30: a running server brings it up to date/,
  ],
  ahead: [
    'UPDATE projections SET applied_seq = 40 WHERE name = $',
    /the table calls reflects events that are not in the log, which ends with seq 30: a running server/,
  ],
} as const;

describe('a command that reads a table says that it is', () => {
  for (const [kind, [sql, text]] of Object.entries(CASES))
    for (const [name, ...args] of [
      ['report', 'calls'],
      ['report', '--format', 'json'],
      ['explain', 'call', 'none'],
      ['rebuild', '--check'],
      ['verify'],
    ] as const)
      it(`${kind} (${name} ${args.join(' ')})`, async () => {
        database.tamper(sql.replace('$', "'calls'"));
        const { stdout, stderr } = await runScript(name, args, { env: database.env });
        const isNote = name === 'report' || name === 'explain';
        assert.match(isNote ? stderr : stdout, text);
        const isFolded = isNote && (kind === 'older' || kind === 'missing');
        assert.equal(/this command folds the log again/.test(stderr), isFolded);
        assert.equal(`${stdout}${stderr}`.split(text.source.slice(0, 20)).length - 1, 1, 'once');
      });

  it('newer, and refuses to rebuild it with older code, with the same text', async () => {
    database.tamper("UPDATE projections SET version = 99 WHERE name = 'calls'");
    const { code, stderr } = await runScript('rebuild', ['calls'], { env: database.env });
    assert.equal(code, 1);
    assert.match(stderr, CASES.newer[1]);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  });

  it('up to date by printing nothing', async () => {
    const { stderr } = await runScript('report', [], { env: database.env });
    assert.equal(stderr, '');
  });
});
