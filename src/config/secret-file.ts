/** A secret that is created once and kept in its own file. */

import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../core/private-files.ts';

/**
 * Reads the secret from a file. If the file does not exist, creates it (hex digits; mode 0600).
 * @param bytes the size of a new secret
 * @throws Error if the file cannot be read or created, or is empty
 */
export function secretInFile(path: string, bytes: number): string {
  if (!existsSync(path)) makeSecret(path, bytes);
  const secret = readFileSync(path, 'utf8').trim();
  if (secret === '') throw new Error(`${path} is empty: delete it, and the next start creates a new secret`);
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
