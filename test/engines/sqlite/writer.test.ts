import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { prepare } from '../../../src/core/tables/prepare.ts';
import { engineOf } from '../../../src/engines/engine-of.ts';
import { derivations } from '../../../src/projections/index.ts';
import { delivery } from '../../support/events.ts';
import { temporaryFolder } from '../../support/receiver.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();

async function given() {
  const folder = temporaryFolder();
  atEnd(folder.remove);
  const path = join(folder.path, 'irisx.db');
  const engine = engineOf(path, derivations);
  await engine.create();
  const writer = await engine.openWriter();
  writer.drain(); // waits for locks only briefly
  const other = new Sqlite(path);
  atEnd(() => other.close());
  const append = () =>
    writer.append([
      prepare(delivery({ event: 'call.ringing', data: { call_uuid: 'a' } }), derivations.projections),
    ]);
  return { path, writer, other, append };
}

describe('a database file that is moved while storage fails', () => {
  it('is noticed by the next append, although that fails for another reason', async () => {
    const { path, other, append } = await given();
    other.exec('BEGIN IMMEDIATE');
    await assert.rejects(append(), { name: 'EngineError', kind: 'busy' });
    renameSync(path, `${path}.moved`);
    await assert.rejects(append(), { name: 'EngineError', kind: 'lost', message: /was moved/ });
  });

  it('is noticed by the attempt to write again', async () => {
    const { path, writer } = await given();
    renameSync(path, `${path}.moved`);
    await assert.rejects(writer.probe(), { name: 'EngineError', kind: 'lost', message: /was moved/ });
  });
});
