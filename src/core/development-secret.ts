/** The secret for development: created once, stored next to the database, where the scripts find it. */

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from './make-folder.ts';

const FILE_NAME = 'development-secret';

/** Path of the development secret that belongs to a database. */
export function developmentSecretPath(databasePath: string): string {
  return join(dirname(databasePath), FILE_NAME);
}

/**
 * Reads the development secret, or creates it (64 hex characters, like a real one; 0600).
 * @throws Error if the file cannot be read or created, or is empty
 */
export function developmentSecret(databasePath: string): string {
  const path = developmentSecretPath(databasePath);
  try {
    makeFolder(dirname(path));
    const secret = randomBytes(32).toString('hex');
    writeFileSync(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const secret = readFileSync(path, 'utf8').trim();
  if (secret === '') throw new Error(`${path} is empty: delete it, and the next start creates a new secret`);
  return secret;
}
