/** The one type of error that an engine throws. */

/**
 * Faults of the storage:
 * - `full`, `busy`, `unavailable`: nothing was written. Try again later.
 * - `unknown`: the connection was lost during a commit, so its outcome is unknown. Repeating it is safe.
 * - `lost`: the storage cannot be trusted, for example because an fsync failed. The process must end without using
 *   the engine again.
 *
 * Other errors:
 * - `under-way`: another process is doing what was asked.
 * - `refused`: the database cannot be used as it is, or the engine refuses what was asked. The message says what to do.
 * - `statement`: one statement failed: it is wrong, or a constraint refused its values.
 */
export type EngineErrorKind =
  | 'full'
  | 'busy'
  | 'unavailable'
  | 'unknown'
  | 'lost'
  | 'under-way'
  | 'refused'
  | 'statement';

export class EngineError extends Error {
  override name = 'EngineError';
  readonly kind: EngineErrorKind;
  /** The engine's own code, such as `SQLITE_FULL`; undefined if the error is not the engine's own. */
  readonly code: string | undefined;

  /** @param message one line for the operator */
  constructor(kind: EngineErrorKind, message: string, more: { code?: string; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.kind = kind;
    this.code = more.code;
  }
}

/** @param text one line for the operator: what is wrong, and what to do */
export function refused(text: string, cause?: unknown): EngineError {
  return new EngineError('refused', text, { cause });
}

/** The kind of an error of an engine; `other` for any other thrown value. */
export function engineFault(error: unknown): EngineErrorKind | 'other' {
  return error instanceof EngineError ? error.kind : 'other';
}

/** One line for an operator, for anything that was thrown. */
export function errorText(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'an error without a message'; // a user's code may throw anything
  }
}
