/**
 * The columns of a table, each declared once: the type of a row, the SQL, the data of handlers and docs/TABLES.md follow
 * from the declaration.
 */

import { statusOf, type TabledType } from '../core/event/event-types.ts';
import { type Field, FROM_NUMBER, id, message, quantity, text } from '../core/event/field-kinds.ts';
import type { Fields } from '../core/event/fields.ts';
import type { Projection, ProjectionColumn, Value } from '../core/tables/projection.ts';

/** How a column gets its value, as docs/TABLES.md explains it. */
export const SETTLING = {
  key: 'the key of the row',
  latest:
    'the value of the latest event that states one; of several at the same time, the greatest value; a missing value never replaces a stated one',
  earliest: 'the earliest time of these events',
  milestone:
    'like `latest`; if no event states the field, the earliest time of the events of the types after the word',
  rank: 'the status of the highest rank; of several with the same rank, the latest; of several at the same time, the greatest text',
  computed: 'computed from the events of the row',
  internal: 'for the program only: when other columns got their values',
} as const;

export interface Column<
  V extends Value = Value,
  F extends Field | undefined = Field | undefined,
  T extends TabledType = TabledType,
> extends Pick<ProjectionColumn, 'kind' | 'isNullable'> {
  readonly settles: keyof typeof SETTLING;
  /** The field with its value, if any. */
  readonly field: F;
  /** The types of the events that state it, and whose handlers get the field. */
  readonly types: readonly T[] | 'all';
  /** The types whose own time it is, unless an event states another. */
  readonly milestoneOf?: readonly TabledType[];
  /** One sentence for docs/TABLES.md. */
  readonly about: string;
  /** What the database computes from it. */
  readonly shown?: ShownColumn;
  /** @returns undefined if the event states no usable value */
  read(fields: Fields): V | undefined;
}

/** A column that the database computes from another one. */
export interface ShownColumn {
  readonly name: string;
  readonly kind: ProjectionColumn['kind'];
  /** @param column the name of the other column */
  sql(column: string): string;
  readonly about: string;
}

/** In the order of the table. The first one is its key. */
export type Columns = Readonly<Record<string, Column>>;

export type RowOf<C extends Columns> = { [Name in keyof C]: C[Name] extends Column<infer V> ? V : never };

/** A projection and the declaration that it follows from. */
export interface Table<C extends Columns = Columns> extends Projection<RowOf<C>> {
  readonly declared: C;
  /** For docs/TABLES.md. */
  readonly about: string;
  /** For a table with a status: its event types by rank. A type's status is its name without the family. */
  readonly ranks?: readonly (readonly TabledType[])[];
}

export function table<C extends Columns>(
  declared: C,
  rest: Pick<Table<C>, 'name' | 'version' | 'about' | 'keyOf' | 'fold' | 'ranks'>,
): Table<C> {
  const columns = Object.entries(declared);
  const generated = columns.flatMap(([name, { shown }]) =>
    shown === undefined
      ? []
      : [[shown.name, `${shown.kind} GENERATED ALWAYS AS (${shown.sql(name)}) VIRTUAL`] as const],
  );
  return {
    ...rest,
    declared,
    key: columns[0]?.[0] ?? '',
    columns: columns.map(([name, { kind, isNullable, settles }]) => ({
      name,
      kind,
      isNullable,
      isInternal: settles === 'internal',
    })),
    generated: Object.fromEntries(generated),
  };
}

type Kind = Column['kind'];
type ValueOf<K extends Kind> = K extends 'TEXT' ? string : number;

/** A column that is not the value of a field. */
export function computed<K extends Kind>(
  kind: K,
  about: string,
  settles: Column['settles'] = 'computed',
): Column<ValueOf<K>, undefined> {
  const read = () => undefined;
  return { kind, isNullable: false, settles, field: undefined, types: [], about, read };
}

/** Like computed(), but the column may be NULL. */
export function nullable<K extends Kind>(
  kind: K,
  about: string,
  settles: Column['settles'] = 'computed',
): Column<ValueOf<K> | null, undefined> {
  return { ...computed(kind, about, settles), isNullable: true };
}

/** The key of a table. */
export function key<F extends Field<string, string>>(field: F, about: string): Column<string, F> {
  const read = (fields: Fields) => fields.required(field);
  return { ...computed('TEXT', about, 'key'), field, types: 'all', read };
}

type Stored<Read> = Read extends number ? number : string;

/**
 * A column with the value of a field.
 * @param types the types of the events that state it
 * @param otherwise its value if the field is missing
 */
export function column<Name extends string, Read, Shown, T extends TabledType = TabledType>(
  field: Field<Name, Read, Shown>,
  types: readonly T[] | 'all',
  about: string,
  otherwise: (fields: Fields) => Stored<Read> | undefined = () => undefined,
): Column<Stored<Read> | null, Field<Name, Read, Shown>, T> {
  function read(fields: Fields): Stored<Read> | undefined {
    const value = fields.get(field);
    return value === undefined ? otherwise(fields) : (field.stored(value) as Stored<Read>);
  }
  return { ...nullable(field.columnType, about, 'latest'), field, types, read };
}

/**
 * A column with the time of some events.
 * @param types the types of these events
 * @param field states that time
 * @param statedBy the types of the events that state the field
 */
export function milestone<
  F extends Field<string, number> | undefined = undefined,
  T extends TabledType = TabledType,
>(
  types: readonly TabledType[],
  about: string,
  field?: F,
  statedBy: readonly T[] | 'all' = [],
): Column<number | null, F, T> {
  return {
    ...nullable('INTEGER', about, field === undefined ? 'earliest' : 'milestone'),
    field: field as F,
    types: statedBy,
    milestoneOf: types,
    read: (fields) => field && fields.get(field),
  };
}

/** Money in millionths. It is also shown in currency units, under the name of its field. */
export function money<Name extends string, T extends TabledType>(
  field: Field<Name, number, number>,
  types: readonly T[],
  about: string,
): Column<number | null, Field<Name, number, number>, T> {
  const sql = (name: string) => `${name} / 1000000.0`;
  return {
    ...column(field, types, about),
    shown: { name: field.name, kind: 'REAL', sql, about: 'The same in US dollars.' },
  };
}

/**
 * Why something failed. The row keeps it, but shows it, under the name of the field, only while it has the status of one
 * of these types: what was delivered after all has no error.
 */
export function failureColumn<Name extends string, T extends TabledType>(
  field: Field<Name, string, string>,
  types: readonly T[],
  about: string,
): Column<string | null, Field<Name, string, string>, T> {
  const statuses = types.map((type) => `'${statusOf(type)}'`).join(', ');
  const sql = (name: string) => `CASE WHEN status IN (${statuses}) THEN ${name} END`;
  return {
    ...column(field, types, `The value of \`${field.name}\` if the status is a failed one.`),
    shown: { name: field.name, kind: 'TEXT', sql, about },
  };
}

export const MESSAGE = message('message', 'body');

export const TENANT_ID = column(id('tenant_id'), 'all', 'The tenant.');
export const PARTIES = {
  tenant_id: TENANT_ID,
  direction: column(text('direction'), 'all', '`inbound` or `outbound`.'),
  from_number: column(FROM_NUMBER, 'all', 'The number that calls or sends.'),
  to_number: column(id('to_number', 'to'), 'all', 'The number that is called or receives.'),
};
export const RECORDING_URL = text('recording_url');
export const DURATION_SECONDS = quantity('duration_seconds', 'duration');
