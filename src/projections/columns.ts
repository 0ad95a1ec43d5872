/**
 * The columns of a table, each declared once: the type of a row, the SQL, the data of handlers and docs/TABLES.md follow
 * from the declaration.
 */

import type { TabledType } from '../core/event/event-types.ts';
import { type Field, type Fields, FROM_NUMBER, id, message, quantity, text } from '../core/event/fields.ts';
import type { Projection, ProjectionColumn, Value } from '../core/tables/projection.ts';

/** How a column gets its value, as docs/TABLES.md explains it. */
export const SETTLING = {
  key: 'the key of the row',
  latest:
    'the value of the latest event that states one; of several at the same time, the greatest value; a missing value never replaces a stated one',
  earliest: 'the earliest time',
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
  /** The field that has a key if `field` is not stated. */
  readonly fallback?: Field<string, string> | undefined;
  /** The types of the events that state it. */
  readonly types: readonly TabledType[] | 'all';
  /** The types whose handlers get the field. */
  readonly handled: readonly T[] | 'all';
  /** One sentence for docs/TABLES.md. */
  readonly about: string;
  /** @returns undefined if the event does not state it @throws FieldError */
  read(fields: Fields): V | undefined;
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
  const amounts = columns.filter(([name]) => name.endsWith('_micros'));
  const decimal = (name: string) => `REAL GENERATED ALWAYS AS (${name} / 1000000.0) VIRTUAL`;
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
    generated: Object.fromEntries(amounts.map(([name, { field }]) => [field?.name, decimal(name)])),
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
  return { kind, isNullable: false, settles, field: undefined, types: [], handled: [], about, read };
}

/** Like computed(), but the column may be NULL. */
export function nullable<K extends Kind>(
  kind: K,
  about: string,
  settles: Column['settles'] = 'computed',
): Column<ValueOf<K> | null, undefined> {
  return { ...computed(kind, about, settles), isNullable: true };
}

/** The key of a table. @param fallback has it if `field` is not stated */
export function key<F extends Field<string, string>>(
  field: F,
  about: string,
  fallback?: Field<string, string>,
): Column<string, F> {
  const read = (fields: Fields) => fields.required(field, fallback);
  return { ...computed('TEXT', about, 'key'), field, fallback, types: 'all', handled: 'all', read };
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
  return { ...nullable(field.columnType, about, 'latest'), field, types, handled: types, read };
}

/**
 * A column with the earliest time of these events.
 * @param field has that time; if it is missing, the event's own time counts
 * @param alsoHandled other types whose handlers get the field
 */
export function milestone<F extends Field<string, number> | undefined, T extends TabledType>(
  field: F,
  types: readonly T[],
  about: string,
  alsoHandled: readonly T[] = [],
): Column<number | null, F, T> {
  const read = (fields: Fields) => field && fields.get(field);
  return {
    ...nullable('INTEGER', about, 'earliest'),
    field,
    types,
    handled: [...types, ...alsoHandled],
    read,
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
