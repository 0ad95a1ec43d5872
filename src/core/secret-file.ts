/** A secret that is made once and kept in a file of its own. */

import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from './make-folder.ts';

/**
 * Reads the secret in a file. Where there is no file, makes one (64 hex characters; 0600).
 * @throws Error if the file cannot be read or made, or is empty
 */
export function secretInFile(path: string): string {
  if (!existsSync(path)) makeSecret(path);
  const secret = readFileSync(path, 'utf8').trim();
  if (secret === '') throw new Error(`${path} is empty: delete it, and the next start makes a new secret`);
  return secret;
}

/** The file appears whole, so that processes that start together all read the same secret. */
function makeSecret(path: string): void {
  makeFolder(dirname(path));
  const draft = `${path}-${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
