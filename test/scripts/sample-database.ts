/** A database file with sample events in it, made without a server. */

import { join } from 'node:path';
import { seededRandom } from '../../scripts/cli/random.ts';
import { sampleLog } from '../../scripts/cli/sample-log.ts';
import type { Delivery, Recorded } from '../../src/core/event/delivery.ts';
import { generateSignature } from '../../src/core/event/signature.ts';
import { openDatabase, prepareDatabaseFile } from '../../src/engines/sqlite/file/database.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, changeFile } from '../support/database.ts';
import { SECRET, temporaryFolder } from '../support/receiver.ts';

export interface SampleDatabase {
  readonly path: string;
  /** The environment in which the scripts find it. */
  readonly env: Record<string, string>;
  /** Appends events as the server would; `secret` null: unsigned. */
  append(count: number, secret?: string | null): Recorded[];
  /** Appends these deliveries. */
  record(deliveries: readonly Delivery[]): Recorded[];
  /** Changes the file in a forbidden way: first drops the triggers that prevent it. */
  tamper(sql: string): void;
  remove(): void;
}

/** Drops the triggers that keep events as they are. */
export const UNPROTECT = 'DROP TRIGGER IF EXISTS events_no_update; DROP TRIGGER IF EXISTS events_no_delete;';

const STARTED_AT_MS = Date.UTC(2026, 0, 5, 9);

export function sampleDatabase(): SampleDatabase {
  const folder = temporaryFolder();
  const path = join(folder.path, 'irisx.db');
  prepareDatabaseFile(path);
  let seed = 1;
  function record(deliveries: readonly Delivery[]): Recorded[] {
    const database = openDatabase(path, derivations);
    const { outcomes } = appenderOf(database, derivations).append(deliveries);
    database.close();
    return outcomes;
  }
  return {
    path,
    env: { DATABASE_URL: `file:${path}`, WEBHOOK_SECRET: SECRET },
    append(count, secret = SECRET) {
      const samples = sampleLog(seededRandom(seed++), count, STARTED_AT_MS);
      const signedAt = STARTED_AT_MS / 1000;
      const deliveries = [...samples].map(
        (sample): Delivery => ({
          body: Buffer.from(sample.body),
          path: '/webhooks',
          signature: secret === null ? null : generateSignature(sample.body, secret, signedAt),
          signedAt,
          receivedAtMs: STARTED_AT_MS,
          eventHeader: sample.type,
          eventIdHeader: sample.eventId,
        }),
      );
      return record(deliveries);
    },
    record,
    tamper(sql) {
      changeFile(path, UNPROTECT);
      changeFile(path, sql);
    },
    remove: folder.remove,
  };
}
