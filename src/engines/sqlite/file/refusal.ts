/** Turns errors about a database file into one line for the operator: what, where, and what to do. */

import { EngineError } from '../../../core/engine-error.ts';
import { addonProblem } from './addon-problem.ts';
import { faultText, storageFault } from './storage-fault.ts';

/** Why a database file cannot be opened: one line for the operator, with what to do. */
export function refusal(path: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const addon = addonProblem(error);
  if (addon !== undefined) return new EngineError('refused', addon, { cause: error });
  const code = (error as { code?: string }).code ?? '';
  if (code === 'SQLITE_NOTADB') {
    return refused(
      path,
      error,
      'is not a SQLite database',
      'set DATABASE_URL to another path, or restore the file from a backup',
    );
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return refused(
      path,
      error,
      'is damaged',
      'restore it from a backup, or try to recover data with `sqlite3 FILE .recover`',
    );
  }
  if (code === 'SQLITE_IOERR_SHMSIZE' || code === 'SQLITE_FULL') {
    return refused(path, error, 'cannot be opened: the disk is full', 'free some space');
  }
  if (code.startsWith('SQLITE_READONLY')) {
    return refused(path, error, 'is read-only', 'make the file and its folder writable for this user');
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return refused(path, error, 'cannot be read or written', 'check the system log for disk errors');
  }
  if (storageFault(error) === 'busy') {
    return refused(path, error, 'is locked by another process', 'end that process, or try again');
  }
  return refused(
    path,
    error,
    'cannot be opened',
    'check that the file and its folder are readable and writable for this user',
  );
}

/** @param what follows the path @param hint what to do */
export function refused(path: string, error: unknown, what: string, hint: string): EngineError {
  return new EngineError('refused', `${path} ${what}: ${hint} (${faultText(error)})`, { cause: error });
}
