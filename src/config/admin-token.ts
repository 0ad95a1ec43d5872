/** The token of the admin pages if ADMIN_TOKEN is not set: created once and stored next to the database. */

import { dirname, join } from 'node:path';
import { ADMIN_TOKEN_CHARS_MIN } from '../core/limits.ts';
import { secretInFile } from './secret-file.ts';

export const ADMIN_TOKEN_FILE = 'admin-token';

/** Cannot be guessed, and the link with it fits into 80 columns. */
const TOKEN_BYTES = 16;

/** The path of the admin token that belongs to a database. */
export function adminTokenPath(databasePath: string): string {
  return join(dirname(databasePath), ADMIN_TOKEN_FILE);
}

/**
 * Reads the admin token, or creates it (32 hex digits; mode 0600).
 * @throws Error if the file cannot be read or created, or has fewer than ADMIN_TOKEN_CHARS_MIN characters
 */
export function adminToken(databasePath: string): string {
  const path = adminTokenPath(databasePath);
  const token = secretInFile(path, TOKEN_BYTES);
  if (token.length < ADMIN_TOKEN_CHARS_MIN)
    throw new Error(
      `${path} has ${token.length} characters, but needs ${ADMIN_TOKEN_CHARS_MIN}: delete it, and the next start creates a new one`,
    );
  return token;
}
