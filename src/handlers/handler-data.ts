/**
 * The data that a handler gets for an event: the fields of its type under our names, whatever spelling and body shape
 * the sender used. They follow from the columns of the tables.
 */

import type { EventContent } from '../core/event/event.ts';
import { DOCUMENTED_TYPES, type DocumentedType } from '../core/event/event-types.ts';
import { type Field, FieldError } from '../core/event/field-kinds.ts';
import type { Value } from '../core/tables/projection.ts';
import { calls } from '../projections/calls.ts';
import type { Column, Columns, Table } from '../projections/columns.ts';
import { recordings } from '../projections/recordings.ts';
import { smsMessages } from '../projections/sms-messages.ts';

const TABLES = { call: calls, sms: smsMessages, recording: recordings };
type Family = keyof typeof TABLES;

/** The data of one type: its subject's id, and the other fields that the event states. */
export type HandlerData<T extends DocumentedType = DocumentedType> =
  T extends `${infer F extends Family}.${string}`
    ? Required<Shown<(typeof TABLES)[F]['declared'], T, string>> &
        Partial<Shown<(typeof TABLES)[F]['declared'], T, Value>>
    : never;

/** The fields of columns whose values have the type `V`. */
type Shown<C extends Columns, T extends DocumentedType, V extends Value> = {
  readonly [Name in keyof C as C[Name] extends Column<V, Field<infer Named>, infer Stating>
    ? T extends Stating
      ? Named
      : never
    : never]: C[Name] extends Column<V, Field<string, unknown, infer S>> ? S : never;
};

/** By type: its table, and the fields of the columns that it states. The first one is the key. */
const SHOWN = new Map<string | undefined, { readonly table: Table; readonly fields: readonly Field[] }>(
  DOCUMENTED_TYPES.map((type) => {
    const table = TABLES[type.split('.', 1)[0] as Family] as unknown as Table;
    const fields = Object.values(table.declared).flatMap(({ field, types }) =>
      field !== undefined && (types === 'all' || types.includes(type)) ? [field] : [],
    );
    return [type, { table, fields }];
  }),
);

/**
 * @returns the data of an event, or undefined if its subject has no usable id. A field that is missing or unusable is
 *   left out. `failures` records unusable values.
 */
export function handlerData(event: EventContent): HandlerData | undefined {
  const shown = SHOWN.get(event.tabled);
  const [key, ...others] = shown?.fields ?? [];
  const id = shown && keyOf(shown.table, event);
  if (key === undefined || id === undefined) return undefined;
  const data: Record<string, unknown> = { [key.name]: id };
  for (const field of others) {
    const value = event.fields.get(field);
    if (value !== undefined) data[field.name] = field.shown(value);
  }
  return data as HandlerData;
}

function keyOf(table: Table, event: EventContent): string | undefined {
  try {
    return table.keyOf(event);
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}
