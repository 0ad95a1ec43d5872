/** The secret of a development setup: made once, kept beside the database, found by the scripts. */

import { dirname, join } from 'node:path';
import { secretInFile } from './secret-file.ts';

const FILE_NAME = 'development-secret';

/** Where the development secret of a database is kept. */
export function developmentSecretPath(databasePath: string): string {
  return join(dirname(databasePath), FILE_NAME);
}

/**
 * Reads the development secret, or makes it (64 hex characters, like a real one; 0600).
 * @throws Error if the file cannot be read or made, or is empty
 */
export function developmentSecret(databasePath: string): string {
  return secretInFile(developmentSecretPath(databasePath));
}
