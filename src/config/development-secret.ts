/** The secret for development: created once, stored next to the database, where the scripts find it. */

import { dirname, join } from 'node:path';
import { secretInFile } from './secret-file.ts';

const FILE_NAME = 'development-secret';
/** Like a secret from the dashboard. */
const SECRET_BYTES = 32;

/** Path of the development secret that belongs to a database. */
export function developmentSecretPath(databasePath: string): string {
  return join(dirname(databasePath), FILE_NAME);
}

/**
 * Reads the development secret, or creates it (64 hex characters, like a real one; 0600).
 * @throws Error if the file cannot be read or created, or is empty
 */
export function developmentSecret(databasePath: string): string {
  return secretInFile(developmentSecretPath(databasePath), SECRET_BYTES);
}
