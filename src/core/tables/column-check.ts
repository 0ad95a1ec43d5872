/**
 * Checks whether a value fits a column before an engine sees it: a row kept in memory must equal the row that the
 * table will return. This is stricter than a STRICT table, which would accept `'5'` as a number.
 */

import { kindOf } from '../event/fields.ts';
import type { Projection, Row } from './projection.ts';

export interface ColumnCheck {
  readonly name: string;
  /** As declared: `TEXT NOT NULL`. */
  readonly type: string;
  readonly mayBeNull: boolean;
  readonly fits: (value: unknown) => boolean;
}

const FITS: Readonly<Record<string, (value: unknown) => boolean>> = {
  TEXT: (value) => typeof value === 'string' && value.isWellFormed(),
  INTEGER: (value) => Number.isSafeInteger(value),
  REAL: (value) => Number.isFinite(value),
};

/**
 * @param type the text after the column's name in CREATE TABLE
 * @throws Error if it does not begin with TEXT, INTEGER or REAL
 */
export function columnCheck(name: string, type: string): ColumnCheck {
  const [kind = ''] = type.split(' ');
  const fits = FITS[kind];
  if (fits === undefined)
    throw new Error(
      `the column ${name} has the type ${JSON.stringify(type)}: it must be TEXT, INTEGER or REAL`,
    );
  return { name, type, mayBeNull: !/\bNOT NULL\b/i.test(type), fits };
}

const checksByProjection = new WeakMap<Projection, readonly ColumnCheck[]>();

/** The checks of all columns of a projection, in order. @throws Error as columnCheck() */
export function columnChecks(projection: Projection): readonly ColumnCheck[] {
  let checks = checksByProjection.get(projection);
  if (checks === undefined) {
    checks = Object.entries(projection.columns).map(([name, type]) => columnCheck(name, type));
    checksByProjection.set(projection, checks);
  }
  return checks;
}

/** @returns what is wrong with the first value that does not fit; undefined if all values fit */
export function misfit(row: Row, checks: readonly ColumnCheck[]): string | undefined {
  for (const { name, type, mayBeNull, fits } of checks) {
    const value: unknown = row[name];
    if (value === null ? mayBeNull : fits(value)) continue;
    return `the column ${name} is ${type}, got ${kindOf(value)}`;
  }
  return undefined;
}
