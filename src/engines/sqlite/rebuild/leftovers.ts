/** Swaps a rebuild's tables, `…_next`, for the live ones, and removes the old ones, `…_old`, a few rows at a time. */

import type { Database } from 'better-sqlite3';
import type { RebuildProgress } from '../../../core/engine/engine.ts';
import type { Derivations } from '../../../core/tables/projection.ts';
import type { Pace } from './pace.ts';

/** Only renames the old table: dropping a large one would hold the lock for a long time. */
export function exchangeTable(database: Database, name: string): void {
  const exists = database
    .prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?")
    .get(name);
  if (exists !== undefined) database.exec(`ALTER TABLE main.${name} RENAME TO ${name}_old`);
  database.exec(`ALTER TABLE main.${name}_next RENAME TO ${name}`);
}

/** Removes the old tables after a swap, and the leftovers of a killed rebuild, a few rows at a time. */
export async function cleanLeftovers(
  database: Database,
  derivations: Derivations,
  pace: Pace,
  onProgress: (progress: RebuildProgress) => void,
): Promise<void> {
  const ours = [...derivations.projections.map(({ name }) => name), 'failures'];
  const isThere = database.prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?");
  const names = ours
    .flatMap((name) => [`${name}_old`, `${name}_next`])
    .filter((name) => isThere.get(name) !== undefined);
  for (const name of names) {
    const total = database.prepare(`SELECT count(*) FROM main."${name}"`).pluck().get() as number;
    const remove = database.prepare(
      `DELETE FROM main."${name}" WHERE rowid IN (SELECT rowid FROM main."${name}" LIMIT ?)`,
    );
    for (let done = 0; done < total; ) {
      const removed = await pace.write((limit) => remove.run(limit).changes);
      if (removed === 0) break;
      done += removed;
      onProgress({ phase: 'clean', done, total });
    }
    await pace.write(() => {
      database.exec(`DROP TABLE main."${name}"`);
      return 0;
    });
  }
}
