/** Removes the tables that a rebuild leaves behind, a few rows at a time. */

import type { Database } from 'better-sqlite3';
import type { RebuildProgress } from '../../../core/engine/engine.ts';
import type { Derivations } from '../../../core/tables/projection.ts';
import type { Pace } from './pace.ts';

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
