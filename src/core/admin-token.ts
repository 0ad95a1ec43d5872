/** The token of the admin pages where ADMIN_TOKEN is not set: made once and kept beside the database. */

import { dirname, join } from 'node:path';
import { ADMIN_TOKEN_CHARS_MIN } from './limits.ts';
import { secretInFile } from './secret-file.ts';

export const ADMIN_TOKEN_FILE = 'admin-token';

/** Where the admin token of a database is kept. */
export function adminTokenPath(databasePath: string): string {
  return join(dirname(databasePath), ADMIN_TOKEN_FILE);
}

/**
 * Reads the admin token, or makes it (64 hex characters; 0600).
 * @throws Error if the file cannot be read or made, or has fewer than ADMIN_TOKEN_CHARS_MIN characters
 */
export function adminToken(databasePath: string): string {
  const path = adminTokenPath(databasePath);
  const token = secretInFile(path);
  if (token.length < ADMIN_TOKEN_CHARS_MIN)
    throw new Error(
      `${path} has ${token.length} characters, ${ADMIN_TOKEN_CHARS_MIN} are needed: delete it, and the next start makes a new one`,
    );
  return token;
}
