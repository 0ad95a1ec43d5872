/**
 * Checks whether a log keeps the promise: I1 every acknowledged delivery is in it; I2 none is there twice, and `seq`
 * and chain are sound; I3 live tables equal a rebuild; I4 SQLite finds no damage.
 */

import assert from 'node:assert/strict';
import Sqlite, { type Database } from 'better-sqlite3';
import { verifyLog } from '../../src/core/inspect/verify-log.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';
import type { Ledger } from './ledger.ts';

export interface Sound {
  /** Events in the log. */
  readonly events: number;
  /** Entries in the ledger, all of which are in the log. */
  readonly acknowledged: number;
}

/**
 * I1 to I4, on a file that a server may have open.
 * @param secrets all secrets with which its events may be signed; if empty, signatures are not checked
 */
export async function checkSoundLog(
  databasePath: string,
  ledger: Pick<Ledger, 'entries'>,
  secrets: readonly string[],
): Promise<Sound> {
  const engine = engineOf(databasePath, derivations);
  const reader = await engine.openReader();
  const database = new Sqlite(databasePath, { readonly: true });
  try {
    assert.deepEqual(await reader.damage(), [], 'I4: integrity_check');
    const { events, sequence, chain, signatures } = await verifyLog(reader, secrets);
    assert.deepEqual({ sequence, chain, signatures }, NO_FAULT, 'I2: the log verifies');
    const distinct = 'SELECT count(DISTINCT body_sha256) FROM events WHERE seq <= ?'; // more may have arrived meanwhile
    const bodies = database.prepare(distinct).pluck().get(events);
    assert.equal(bodies, events, 'I2: every body is there once');
    const acknowledged = checkAcknowledged(database, ledger);
    const { checks } = await engine.check();
    assert.deepEqual(
      checks.flatMap(({ differences }) => differences),
      [],
      'I3: live tables equal rebuilt ones',
    );
    return { events, acknowledged };
  } finally {
    database.close();
    await reader.close();
  }
}

const NO_FAULT = { sequence: undefined, chain: undefined, signatures: undefined };

/**
 * Only I1.
 * @param after entries of the ledger that are known to be in the log
 * @returns the number of entries checked
 */
function checkAcknowledged(database: Database, ledger: Pick<Ledger, 'entries'>, after = 0): number {
  const find = database.prepare('SELECT seq FROM events WHERE seq = ? AND body_sha256 = ?');
  const entries = ledger.entries(after);
  const lost = entries.filter(({ seq, digest }) => find.get(seq, Buffer.from(digest, 'hex')) === undefined);
  assert.deepEqual(lost, [], 'I1: acknowledged and not in the log');
  return entries.length;
}

/** I1 for what was acknowledged since `after`, on a file that a server may have open. */
export function checkRecent(databasePath: string, ledger: Ledger, after: number): number {
  const database = new Sqlite(databasePath, { readonly: true });
  try {
    return checkAcknowledged(database, ledger, after);
  } finally {
    database.close();
  }
}
