/**
 * Checks whether a value fits a column before an engine sees it: a row kept in memory must equal the row that the
 * table will return. This is stricter than a STRICT table, which would accept `'5'` as a number.
 */

import { kindOf } from '../event/field-kinds.ts';
import type { Projection, ProjectionColumn, Row } from './projection.ts';

const FITS: Readonly<Record<ProjectionColumn['kind'], (value: unknown) => boolean>> = {
  TEXT: (value) => typeof value === 'string' && value.isWellFormed() && !value.includes('\0'),
  INTEGER: (value) => Number.isSafeInteger(value),
  REAL: (value) => Number.isFinite(value),
};

/** @returns what is wrong with the first value that does not fit; undefined if all values fit */
export function misfit(row: Row, { columns, key }: Pick<Projection, 'columns' | 'key'>): string | undefined {
  for (const column of columns) {
    const value: unknown = row[column.name];
    if (value === null ? column.isNullable : FITS[column.kind](value)) continue;
    return `the column ${column.name} is ${columnType(column, column.name === key)}, got ${kindOf(value)}`;
  }
  return undefined;
}

/** The text after the column's name in CREATE TABLE: `TEXT NOT NULL`. */
export function columnType(
  { kind, isNullable }: Pick<ProjectionColumn, 'kind' | 'isNullable'>,
  isKey: boolean,
): string {
  return kind + (isNullable ? '' : ' NOT NULL') + (isKey ? ' UNIQUE' : '');
}
