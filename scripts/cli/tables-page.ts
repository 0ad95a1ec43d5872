/** docs/TABLES.md: the columns of every table, as they are declared. */

import { SPELLINGS_WITH_TABLE, statusOf, tabledType } from '../../src/core/event/event-types.ts';
import { OCCURRED } from '../../src/core/event/fields.ts';
import { ROW_KEY_BYTES_MAX, TIME_AHEAD_MAX_MS } from '../../src/core/limits.ts';
import { columnType } from '../../src/core/tables/column-check.ts';
import { type Column, SETTLING, type Table } from '../../src/projections/columns.ts';

/** By the end of a column's name. */
const UNITS = {
  _at_ms: 'ms since 1970 UTC',
  _seconds: 's',
  _micros: 'millionths of a US dollar',
  _bytes: 'bytes',
};

/** @returns the whole page, as Markdown */
export function tablesPage(tables: readonly Table[]): string {
  return `# Tables

The columns of each table, the fields that they come from, and the event types that state them. \`npm run docs\` writes
this page from \`src/projections\`. All types are those of SQLite's \`STRICT\` tables, so a program that reads the file
needs SQLite 3.37 or newer (2021). An older one reports \`malformed database schema\`.

A field is read under each of its names, in this order: the first usable value counts. A handler gets it under the first
name, from the same event types. A time without a field is the one at which the event occurred.

An unusable value counts as not stated. The event is folded with the rest; the answer's \`warnings\` and the table
\`failures\` name the field and the kind of value, never the value.

- A time is ISO 8601 text, an RFC 2822 date, or a Unix time in seconds, milli-, micro- or nanoseconds, as a number or text.
  One that is unreadable, or more than ${TIME_AHEAD_MAX_MS / 60_000} minutes later than the signature, is unusable.
- An event occurred at the first usable time of \`timestamp\`, ${OCCURRED.slice(0, 3)
    .map(({ name }) => code(name))
    .join(', ')},
  ${OCCURRED.slice(3)
    .map(({ name }) => code(name))
    .join(', ')}, or else at that of its signature.
- An id or a phone number is text or a whole number ≥ 0. A number may be sent as decimal text.
- In texts, U+0000 and lone surrogates become U+FFFD. A key of more than ${ROW_KEY_BYTES_MAX} bytes ends in its SHA-256.

How a column settles, whatever the order in which events arrive:

${markdownTable(['word', 'value of the column'], Object.entries(SETTLING))}${tables.map(sectionOf).join('')}`;
}

function sectionOf({ name, about, ranks, declared }: Table): string {
  const types = ranks?.flatMap((ofRank, rank) =>
    ofRank.map((type) => [
      code(type),
      listed(SPELLINGS_WITH_TABLE.filter((each) => each !== type && tabledType(each) === type)),
      code(statusOf(type)),
      String(rank),
    ]),
  );
  const columns = Object.entries(declared).flatMap(([column, declaration]) => {
    const { shown } = declaration;
    const cells = [cellsOf(column, declaration)];
    if (shown !== undefined) {
      const settled = `computed: \`${shown.sql(column)}\``;
      cells.push([code(shown.name), shown.kind, '', shown.about, '', '', settled]);
    }
    return cells;
  });
  return `
## ${name}

${about}

${types === undefined ? '' : `${markdownTable(['event type', 'also sent as', 'status', 'rank'], types)}\n`}${markdownTable(
  ['column', 'type', 'unit', 'meaning', 'field', 'stated by', 'settles'],
  columns,
)}`;
}

function cellsOf(name: string, column: Column): string[] {
  const { about, field, types, milestoneOf = [], settles } = column;
  const unit = Object.entries(UNITS).find(([end]) => name.endsWith(end))?.[1] ?? '';
  return [
    code(name),
    columnType(column, settles === 'key'),
    unit,
    about,
    field === undefined ? '' : listed(field.spellings),
    types === 'all' ? 'all' : listed([...new Set([...milestoneOf, ...types])]),
    settles === 'milestone' ? `milestone: ${listed(milestoneOf)}` : settles,
  ];
}

function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[], filler = ' ') =>
    `| ${widths.map((width, index) => (cells[index] ?? '').padEnd(width, filler)).join(' | ')} |\n`;
  return [line(titles), line([], '-'), ...rows.map((row) => line(row))].join('');
}

function listed(names: readonly string[]): string {
  return names.map(code).join(', ');
}

function code(text: string): string {
  return `\`${text}\``;
}
