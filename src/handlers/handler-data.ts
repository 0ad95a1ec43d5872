/**
 * The data that a handler gets for an event: the fields of its type under our names, whatever spelling and body shape
 * the sender used. They follow from the columns of the tables.
 */

import type { EventContent } from '../core/event/event.ts';
import { DOCUMENTED_TYPES, type DocumentedType } from '../core/event/event-types.ts';
import type { Field } from '../core/event/fields.ts';
import type { Value } from '../core/tables/projection.ts';
import { calls } from '../projections/calls.ts';
import type { Column, Columns } from '../projections/columns.ts';
import { recordings } from '../projections/recordings.ts';
import { smsMessages } from '../projections/sms-messages.ts';

const COLUMNS = { call: calls.declared, sms: smsMessages.declared, recording: recordings.declared };
type Family = keyof typeof COLUMNS;

/** The data of one type: its subject's id, and the other fields that the event states. */
export type HandlerData<T extends DocumentedType = DocumentedType> =
  T extends `${infer F extends Family}.${string}`
    ? Required<Shown<(typeof COLUMNS)[F], T, string>> & Partial<Shown<(typeof COLUMNS)[F], T, Value>>
    : never;

/** The fields of columns whose values have the type `V`. */
type Shown<C extends Columns, T extends DocumentedType, V extends Value> = {
  readonly [Name in keyof C as C[Name] extends Column<V, Field<infer Named>, infer Handled>
    ? T extends Handled
      ? Named
      : never
    : never]: C[Name] extends Column<V, Field<string, unknown, infer S>> ? S : never;
};

/** By type: its columns that have a field. The first one is the key. */
const SHOWN = new Map<string | undefined, readonly Column<Value, Field>[]>(
  DOCUMENTED_TYPES.map((type) => [
    type,
    Object.values<Column>(COLUMNS[type.split('.', 1)[0] as Family]).filter(
      (column): column is Column<Value, Field> =>
        column.field !== undefined && (column.handled === 'all' || column.handled.includes(type)),
    ),
  ]),
);

/**
 * @returns the data of an event, or undefined if its subject has no usable id. A field that is missing or unusable is
 *   left out. `failures` records unusable values.
 */
export function handlerData({ tabled, fields }: EventContent): HandlerData | undefined {
  const [key, ...others] = SHOWN.get(tabled) ?? [];
  const id = key && (fields.usable(key.field) ?? (key.fallback && fields.usable(key.fallback)));
  if (key === undefined || id === undefined) return undefined;
  const data: Record<string, unknown> = { [key.field.name]: id };
  for (const { field } of others) {
    const value = fields.usable(field);
    if (value !== undefined) data[field.name] = field.shown(value);
  }
  return data as HandlerData;
}
