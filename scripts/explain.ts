/** `./irisx explain`: shows whether something has arrived, and why its row looks the way it does. */

import type { Reader } from '../src/core/engine/reader.ts';
import { rowKey } from '../src/core/event/field-kinds.ts';
import { type Explanation, explain, explainEvent } from '../src/core/inspect/explain.ts';
import { keysBeginning } from '../src/core/inspect/find-keys.ts';
import { EXPLAIN_CANDIDATES_MAX, EXPLAIN_START_CHARS_MIN } from '../src/core/limits.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import type { Projection } from '../src/core/tables/projection.ts';
import { calls } from '../src/projections/calls.ts';
import { contacts, contactTexts, KEY_SEPARATOR, phoneNumberOf } from '../src/projections/contacts.ts';
import { tables } from '../src/projections/index.ts';
import { recordings } from '../src/projections/recordings.ts';
import { smsMessages } from '../src/projections/sms-messages.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, EX_FAILED, executeCommand } from './cli/command.ts';
import { readEnvironment, withLog, withShownTables } from './cli/environment.ts';
import { counted, shownTime } from './cli/numbers.ts';
import { OUTPUT, readSeq, UsageError } from './cli/options.ts';
import { jsonLine, print } from './cli/output.ts';
import { eventAt, problemLines, recordedVerdict } from './cli/shown-event.ts';

const TABLES = new Map<string, Projection>([
  ['call', calls],
  ['sms', smsMessages],
  ['recording', recordings],
  ['contact', contacts],
]);

const USAGE = `
${IRISX} explain call UUID
${IRISX} explain sms ID
${IRISX} explain recording ID
${IRISX} explain contact NUMBER
${IRISX} explain seq SEQ
Shows which events a row is made of, the order in which they happened, the order in which they arrived, and which of
them set each column. \`call\` also shows the recordings of the call; \`seq\` shows the rows that one event belongs to.
The first characters of a UUID or ID are enough, at least ${EXPLAIN_START_CHARS_MIN}. A NUMBER may have any spelling; it has a row
for each tenant.
Exit code 1: no event with this id has arrived, or several ids begin with these characters.

  --output json    one JSON array, with one object per row
`;

const OPTIONS = { output: OUTPUT };

const VALUE_CHARS_MAX = 100;
const PROBLEM_CHARS_MAX = 200;

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const [kind = '', given = '', ...more] = positionals;
  const id = given.replace(/…$/, ''); // copied from a cell that is cut
  if (id === '' || more.length > 0 || !(TABLES.has(kind) || kind === 'seq'))
    throw new UsageError(`give one of ${[...TABLES.keys()].join(', ')} and an id, or seq and a number`);
  const seq = kind === 'seq' ? readSeq(id) : undefined;
  const isJson = values.output === 'json';
  const show = (found: readonly Explanation[]) =>
    print(
      isJson ? [jsonLine(found.map(jsonOf))] : [found.map((row) => linesOf(row).join('\n')).join('\n\n')],
    );
  const printFrom = async (reader: Reader): Promise<number> => {
    if (seq !== undefined) {
      await printEvent(reader, seq, isJson);
      const found = await explainEvent(reader, tables, seq, contactTexts);
      if (found.length > 0 || isJson) await show(found);
      else await print(['it does not belong to any row']);
      return 0;
    }
    const found = await rowsOf(reader, kind, id);
    if (typeof found !== 'string') {
      await show(found);
      return 0;
    }
    await print([isJson ? '[]' : found]);
    if (isJson) process.stderr.write(`${found}\n`);
    return EX_FAILED;
  };
  return withLog(readEnvironment(), (log) => withShownTables(log, printFrom));
}

/** The rows with an id, or the only one whose id begins with it; else why there is none, for a person. */
async function rowsOf(reader: Reader, kind: string, id: string): Promise<Explanation[] | string> {
  const table = TABLES.get(kind) as Projection;
  const found = await rowsWith(reader, kind, await keysOf(reader, kind, id));
  if (found.length > 0) return found;
  const candidates =
    kind === 'contact' ? [] : await keysBeginning(reader, table, id, EXPLAIN_CANDIDATES_MAX + 1);
  if (candidates.length === 0) return notFound(reader, kind, id);
  if (candidates.length === 1) return rowsWith(reader, kind, candidates);
  const listed = candidates.slice(0, EXPLAIN_CANDIDATES_MAX).map((key) => harmless(key));
  const others = candidates.length > listed.length ? ['and others'] : [];
  return [`several ids begin with ${harmless(id)}:`, ...listed, ...others].join('\n  ');
}

/** The keys that an id may stand for: a contact has one for each tenant. */
async function keysOf(reader: Reader, kind: string, id: string): Promise<string[]> {
  if (kind !== 'contact') return [rowKey(id)];
  const sql = 'SELECT contact FROM contacts WHERE phone_number = ? ORDER BY contact';
  return (await reader.query(sql, phoneNumberOf(id))).map(({ contact }) => String(contact));
}

/** With the recordings of calls, in the order of arrival. */
async function rowsWith(reader: Reader, kind: string, keys: readonly string[]): Promise<Explanation[]> {
  const table = TABLES.get(kind) as Projection;
  const found: (Explanation | undefined)[] = [];
  for (const key of keys) {
    found.push(await explain(reader, table, key, contactTexts));
    if (kind !== 'call') continue;
    const sql = 'SELECT recording_id FROM recordings WHERE call_uuid = ? ORDER BY first_seq';
    for (const { recording_id: recording } of await reader.query(sql, key))
      found.push(await explain(reader, recordings, String(recording)));
  }
  return found.filter((row) => row !== undefined);
}

/** @throws Error if there is no such event */
async function printEvent(reader: Reader, seq: number, isJson: boolean): Promise<void> {
  const { type, received_at_ms: receivedAtMs, path } = await eventAt(reader, seq);
  if (isJson) return; // only the rows
  const problems = problemLines(await recordedVerdict(reader, seq));
  await print([
    `seq ${seq}: ${harmless(type ?? 'no type')}, received ${shownTime(receivedAtMs)} at ${path}`,
    ...problems.map((problem) => harmless(problem)),
    '',
  ]);
}

/** Names another kind of row that has events with this id, if there is one. */
async function notFound(reader: Reader, kind: string, id: string): Promise<string> {
  const start = `no event for ${kind} ${JSON.stringify(harmless(id))} has arrived;`;
  for (const other of TABLES.keys())
    if (other !== kind && (await rowsWith(reader, other, await keysOf(reader, other, id))).length > 0)
      return `${start} events for ${other} with this id have: ${IRISX} explain ${other} ${harmless(id)}`;
  return `${start} ${IRISX} events list --subject ID searches all bodies for it`;
}

/** The names that a program relies on. */
function jsonOf({ readFrom: lookedAtFrom, ...row }: Explanation): object {
  return { ...row, lookedAtFrom };
}

function linesOf({ table, key, events, columns, differing, readFrom }: Explanation): string[] {
  const byTime = events
    .map((event, index) => ({ ...event, arrival: index + 1 }))
    .sort((one, other) => one.occurredAtMs - other.occurredAtMs || one.seq - other.seq);
  const rows = byTime.map(({ seq, arrival, type, occurredAtMs, receivedAtMs, failure, warnings }) => [
    shownTime(occurredAtMs),
    String(arrival),
    String(seq),
    shownTime(receivedAtMs),
    harmless(type),
    harmless(problemLines({ error: failure, warnings }).join('; '), PROBLEM_CHARS_MAX),
  ]);
  const values = columns.map(({ name, value, seq }) => {
    const time = name.endsWith('_at_ms') ? ` (${shownTime(Number(value))})` : '';
    return [name, harmless(`${value}${time}`, VALUE_CHARS_MAX), String(seq)];
  });
  return [
    `${table} ${harmless(key.replace(KEY_SEPARATOR, ' '))}: ${counted(events.length, 'event')}, times are UTC`,
    ...alignedLines(['happened', 'arrival', 'seq', 'received', 'type', 'problem'], rows, [1, 2]),
    '',
    ...(columns.length === 0
      ? ['there is no row: none of its events could be used']
      : alignedLines(['column', 'value', 'set by seq'], values, [2])),
    ...(readFrom === 1 ? [] : [`events before seq ${readFrom} were not examined`]),
    ...(differing.length === 0
      ? []
      : [
          `the table has different values in ${differing.join(', ')}: it lags behind the log (see ${IRISX} rebuild --check), or includes earlier events`,
        ]),
  ];
}

await executeCommand(USAGE, OPTIONS, main);
