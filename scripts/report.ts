/** `./irisx report`: reports from the tables for a terminal, spreadsheet or program; also as of an earlier event. */

import type { Reader } from '../src/core/engine/reader.ts';
import { firstFrom } from '../src/core/inspect/find-events.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import type { Value } from '../src/core/tables/projection.ts';
import type { FigureKind } from '../src/projections/figures.ts';
import {
  GROUPINGS,
  hasGroups,
  makeReport,
  ORDERS,
  REPORT_NAMES,
  type Report,
  type ReportName,
  type ReportScope,
} from '../src/projections/reports.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { csvLines, SEPARATORS, type Separator } from './cli/csv.ts';
import { readEnvironment, withFolded, withLog, withShownTables } from './cli/environment.ts';
import { counted, grouped, shownTime } from './cli/numbers.ts';
import { choice, knownName, readTime, TEXT, TIME, UsageError, whole } from './cli/options.ts';
import { jsonLine } from './cli/output.ts';

/** How a report becomes text, by `--format`. */
const FORMATS = { table: tableText, csv: csvText, json: jsonText } as const;
const FORMAT_NAMES = Object.keys(FORMATS) as readonly (keyof typeof FORMATS)[];

const USAGE = `
${IRISX} report [NAME …] [options]
Prints reports from the tables, also while the server runs. Without a NAME, all:
${REPORT_NAMES.join(', ')}.
Days, hours and times are UTC. Costs are in US dollars.

  --since, --until   what began at or after, or before, this date or time (failures: what was received then)
  --by               ${GROUPINGS.join(', ')}: one row for each, default day; number is the other party's;
                     only for calls, sms and costs
  --order            ${ORDERS.join(' or ')}: by day, hour, tenant or number itself, or most calls, messages or costs first;
                     default volume for --by tenant and number, else group
  --limit            at most this many rows; the total is still of all rows
  --as-of            a seq or a time: the tables as they were when the log ended there
  --format           ${FORMAT_NAMES.join(', ')}; csv is for a single report; json prints one object per line, with times in
                     milliseconds since 1970 and money in millionths
  --separator        of csv: ${SEPARATORS.join(' or ')}, default ${SEPARATORS[0]}; with ";" numbers have a decimal comma, as
                     spreadsheets expect in most of Europe

  ${IRISX} report
  ${IRISX} report calls --since 2026-01-01 --until 2026-02-01 --by tenant
  ${IRISX} report calls --by number --limit 10
  ${IRISX} report costs --format csv --separator ";"
  ${IRISX} report calls --as-of 1000
`;

const OPTIONS = {
  since: TIME,
  until: TIME,
  by: choice(...GROUPINGS),
  order: choice(...ORDERS),
  limit: whole(1, Number.MAX_SAFE_INTEGER),
  'as-of': TEXT,
  format: choice(...FORMAT_NAMES),
  separator: choice(...SEPARATORS),
};

const TEXT_CHARS_MAX = 60;
const NOTHING = '–';

/** A report and what was asked for. */
interface Made extends Report, ReportScope {
  readonly name: ReportName;
  readonly asOf: number | undefined;
  /** How many more rows there are, because of --limit. */
  readonly leftOut: number;
  readonly separator: Separator | undefined;
}

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const names =
    positionals.length === 0
      ? REPORT_NAMES
      : positionals.map((name) => knownName('report', name, REPORT_NAMES));
  const { since: sinceMs, until: untilMs, by = 'day', format = 'table' } = values;
  const { order = by === 'day' || by === 'hour' ? 'group' : 'volume', limit = Number.POSITIVE_INFINITY } =
    values;
  const { separator } = values;
  const without = positionals.find((name) => !hasGroups(name as ReportName));
  for (const option of ['by', 'order'] as const)
    if (values[option] !== undefined && without !== undefined)
      throw new UsageError(
        `--${option} is for ${REPORT_NAMES.filter(hasGroups).join(', ')}, not for ${without}`,
      );
  if (format === 'csv' && names.length !== 1) throw new UsageError('--format csv is for one report: name it');
  if (separator !== undefined && format !== 'csv') throw new UsageError('--separator is for --format csv');
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs)
    throw new UsageError('--until must be later than --since');

  await withLog(readEnvironment(), async ({ engine, reader }) => {
    const asOf = values['as-of'] === undefined ? undefined : await seqAt(reader, values['as-of']);
    const printFrom = async (source: Reader) => {
      const scope = { sinceMs, untilMs, by, order };
      const texts: string[] = [];
      await source.inSnapshot(async (snapshot) => {
        for (const name of names) {
          const report = await makeReport(snapshot, name, scope);
          const rows = report.rows.slice(0, limit);
          const leftOut = report.rows.length - rows.length;
          texts.push(FORMATS[format]({ ...report, ...scope, rows, leftOut, name, asOf, separator }));
        }
      });
      process.stdout.write(texts.join(''));
    };
    return asOf === undefined
      ? withShownTables({ engine, reader }, printFrom)
      : withFolded(engine, asOf, printFrom);
  });
  return 0;
}

/** The seq that `text`, a seq or a time, stands for. */
async function seqAt(reader: Reader, text: string): Promise<number> {
  const isSeq = /^\d{1,15}$/.test(text);
  const seq = isSeq ? Number(text) : (await firstFrom(reader, readTime(text, '--as-of') + 1)) - 1;
  const head = await reader.head();
  if (seq > head.seq) throw new UsageError(`--as-of ${text}: the log's last event is seq ${head.seq}`);
  return seq;
}

function tableText({ name, columns, rows, leftOut, total, by, sinceMs, untilMs, asOf }: Made): string {
  const cells = [...rows, ...(total === undefined ? [] : [total])].map((row) =>
    columns.map((column) => {
      const value = row[column.name] ?? null;
      return value === null ? NOTHING : SHOWN[column.kind](value);
    }),
  );
  const right = columns.flatMap(({ kind }, index) => (kind === 'text' || kind === 'time' ? [] : [index]));
  const titles = columns.map(
    ({ name, kind }) => name.replaceAll('_', ' ') + (kind === 'micros' ? ' (USD)' : ''),
  );
  const heading = [
    hasGroups(name) ? `${name} by ${by}` : name,
    sinceMs !== undefined && `since ${shownTime(sinceMs)}`,
    untilMs !== undefined && `until ${shownTime(untilMs)}`,
    asOf !== undefined && `as of seq ${asOf}`,
  ].filter((part) => part !== false);
  const lines = cells.length === 0 ? ['none'] : alignedLines(titles, cells, right);
  if (leftOut > 0)
    lines.push(
      `and ${counted(leftOut, 'more row')}${total === undefined ? '' : '; the total is of all rows'}`,
    );
  return `${[`${heading.join(', ')} (UTC)`, ...lines, ''].join('\n')}\n`;
}

/** A value that is not null, for a person. */
const SHOWN: Readonly<Record<FigureKind, (value: string | number) => string>> = {
  text: (value) => harmless(String(value), TEXT_CHARS_MAX),
  count: (value) => grouped(Number(value)),
  share: (value) => `${(Number(value) * 100).toFixed(1)} %`,
  seconds: (value) => `${Number(value).toFixed(1)} s`,
  minutes: (value) =>
    Number(value).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  micros: (value) => (Number(value) / 1_000_000).toLocaleString('en-US', { minimumFractionDigits: 4 }),
  time: (value) => shownTime(Number(value)).slice(0, 19),
};

/** Money as decimal numbers, times as ISO 8601, because that is what spreadsheets read. */
function csvText({ columns, rows, separator }: Made): string {
  const cell = (kind: FigureKind, value: Value) => {
    if (value === null) return null;
    if (kind === 'micros') return Number(value) / 1_000_000;
    return kind === 'time' ? new Date(Number(value)).toISOString() : value;
  };
  const cells = rows.map((row) => columns.map(({ name, kind }) => cell(kind, row[name] ?? null)));
  return csvLines([columns.map(({ name }) => name), ...cells], separator);
}

function jsonText({ name, columns, rows, leftOut, total, by, sinceMs, untilMs, asOf }: Made): string {
  const report = {
    report: name,
    zone: 'UTC',
    ...(hasGroups(name) && { by }),
    since: sinceMs ?? null,
    until: untilMs ?? null,
    as_of: asOf ?? null,
    columns: Object.fromEntries(columns.map((column) => [column.name, column.kind])),
    rows,
    rows_left_out: leftOut,
    total: total ?? null,
  };
  return `${jsonLine(report)}\n`;
}

await executeCommand(USAGE, OPTIONS, main);
