/** Classifies SQLite's errors, and turns them into the errors that leave this engine. */

import Database from 'better-sqlite3';
import { EngineError, type EngineErrorKind, errorText } from '../../../core/engine-error.ts';

/** The faults that SQLite has of those in core/engine-error.ts; `other`: not a storage fault. */
type StorageFault = Extract<EngineErrorKind, 'full' | 'busy' | 'lost'> | 'other';

/** Also why a file cannot be opened, as it follows the file's path, and what to do about it. */
type Fault = readonly [kind: StorageFault, what: string, hint: string];

const FULL: Fault = ['full', 'cannot be opened: the disk is full', 'free some space'];
const BUSY: Fault = ['busy', 'is locked by another process', 'end that process, or try again'];
const UNOPENED = [
  'cannot be opened',
  'check that the file and its folder are readable and writable for this user',
] as const;
const OTHER: Fault = ['other', ...UNOPENED];
/** By the second word of SQLite's codes. */
const FAULTS: Readonly<Record<string, Fault>> = {
  FULL,
  BUSY,
  LOCKED: BUSY,
  PROTOCOL: BUSY,
  IOERR: ['lost', 'cannot be read or written', 'check the system log for disk errors'],
  CORRUPT: [
    'lost',
    'is damaged',
    'restore it from a backup, or try to recover data with `sqlite3 FILE .recover`',
  ],
  NOTADB: [
    'lost',
    'is not a SQLite database',
    'set DATABASE_URL to another path, or restore the file from a backup',
  ],
  READONLY: ['lost', 'is read-only', 'make the file and its folder writable for this user'],
  CANTOPEN: ['lost', ...UNOPENED],
  NOMEM: ['lost', ...UNOPENED],
};

/** @param error anything thrown by or around a call to better-sqlite3 */
export function storageFault(error: unknown): StorageFault {
  if (error instanceof EngineError)
    return (['full', 'busy', 'lost'] as const).find((kind) => kind === error.kind) ?? 'other';
  return faultOf(error)[0];
}

/** What SQLite's code says about an error of SQLite. */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof Database.SqliteError)) return OTHER;
  // The WAL index could not grow, so nothing was written. After other I/O errors the outcome is unknown.
  if (error.code === 'SQLITE_IOERR_SHMSIZE') return FULL;
  const [, code = ''] = error.code.split('_');
  return FAULTS[code] ?? OTHER;
}

/** One line for an operator: the error's message and code. */
export function faultText(error: unknown): string {
  return error instanceof Database.SqliteError ? `${error.message} (${error.code})` : errorText(error);
}

/** An EngineError for an error of SQLite or of a file; anything else, a defect of this program, stays what it is. */
export function engineError(error: unknown): unknown {
  if (error instanceof Database.SqliteError) {
    const fault = storageFault(error);
    const kind = fault === 'other' ? 'statement' : fault;
    return new EngineError(kind, faultText(error), { code: error.code, cause: error });
  }
  // Thrown by node:fs.
  if (error instanceof Error && 'syscall' in error && 'code' in error) {
    const kind = error.code === 'ENOSPC' ? 'full' : 'refused';
    return new EngineError(kind, error.message, { code: String(error.code), cause: error });
  }
  return error;
}

/** Runs `work` at the edge of this engine. @throws engineError() of what `work` throws */
export async function atEdge<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw engineError(error);
  }
}

/** The methods of an interface without their promises. */
type Synchronous<T> = {
  [Name in keyof T]: T[Name] extends (...given: infer G) => Promise<infer R> ? (...given: G) => R : never;
};

/** Makes the methods of an asynchronous interface from synchronous functions, each of them atEdge(). */
export function allAtEdge<T extends object>(functions: Synchronous<T>): T {
  const entries = Object.entries<(...given: unknown[]) => unknown>(functions);
  return Object.fromEntries(
    entries.map(([name, work]) => [name, async (...given: unknown[]) => atEdge(() => work(...given))]),
  ) as T;
}
