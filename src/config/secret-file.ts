/** Secrets that are created once and kept in files of their own next to the database. */

import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ADMIN_TOKEN_CHARS_MIN } from '../core/limits.ts';
import { makeFolder } from '../core/private-files.ts';

interface SecretFile {
  readonly name: string;
  /** The size of a new secret, which is stored in hex digits. */
  readonly bytes: number;
  readonly charsMin: number;
}

/** Used if WEBHOOK_SECRET is not set; the commands find it there. As long as a secret from the dashboard. */
export const DEVELOPMENT_SECRET: SecretFile = { name: 'development-secret', bytes: 32, charsMin: 1 };

/** Used if ADMIN_TOKEN is not set. Cannot be guessed, and the link with it fits into 80 columns. */
export const ADMIN_TOKEN: SecretFile = { name: 'admin-token', bytes: 16, charsMin: ADMIN_TOKEN_CHARS_MIN };

/** The path of a secret that belongs to a database. */
export function secretPath({ name }: SecretFile, databasePath: string): string {
  return join(dirname(databasePath), name);
}

/**
 * Reads a secret. If its file does not exist, creates it (mode 0600).
 * @throws Error if the file cannot be read or created, or if the secret is too short
 */
export function secretInFile(file: SecretFile, databasePath: string): string {
  const path = secretPath(file, databasePath);
  if (!existsSync(path)) makeSecret(path, file.bytes);
  const secret = readFileSync(path, 'utf8').trim();
  if (secret === '') throw new Error(`${path} is empty: delete it, and the next start creates a new secret`);
  if (secret.length < file.charsMin)
    throw new Error(
      `${path} has ${secret.length} characters, but needs ${file.charsMin}: delete it, and the next start creates a new one`,
    );
  return secret;
}

/** Creates the file atomically, so that processes that start at the same time all read the same secret. */
function makeSecret(path: string, bytes: number): void {
  makeFolder(dirname(path));
  const draft = `${path}-${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, `${randomBytes(bytes).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
