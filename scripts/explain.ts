/** `./irisx explain`: shows whether something has arrived, and why its row looks the way it does. */

import type { Reader } from '../src/core/engine/reader.ts';
import { type Explanation, explain, explainEvent } from '../src/core/inspect/explain.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import type { Projection } from '../src/core/tables/projection.ts';
import { calls } from '../src/projections/calls.ts';
import { contacts } from '../src/projections/contacts.ts';
import { tables } from '../src/projections/index.ts';
import { recordings } from '../src/projections/recordings.ts';
import { smsMessages } from '../src/projections/sms-messages.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, EX_FAILED, executeCommand } from './cli/command.ts';
import { readEnvironment, seqToFold, withFolded, withLog } from './cli/environment.ts';
import { counted, shownTime } from './cli/numbers.ts';
import { OUTPUT, readSeq, UsageError } from './cli/options.ts';
import { jsonLine, print } from './cli/output.ts';
import { eventAt, recordedVerdict } from './cli/shown-event.ts';
import { noteTableProblems } from './cli/table-lines.ts';

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
Exit code 1: no event with this id has arrived.

  --output json    one JSON array, with one object per row
`;

const OPTIONS = { output: OUTPUT };

const VALUE_CHARS_MAX = 100;

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const [kind = '', id = '', ...more] = positionals;
  if (id === '' || more.length > 0 || !(TABLES.has(kind) || kind === 'seq'))
    throw new UsageError(`give one of ${[...TABLES.keys()].join(', ')} and an id, or seq and a number`);
  const seq = kind === 'seq' ? readSeq(id) : undefined;
  const isJson = values.output === 'json';
  const printFrom = async (reader: Reader): Promise<number> => {
    if (seq !== undefined) await printEvent(reader, seq, isJson);
    const found =
      seq === undefined ? await rowsOf(reader, kind, id) : await explainEvent(reader, tables, seq);
    if (found.length === 0 && seq === undefined) await print([await notFound(reader, kind, id)]);
    else if (isJson) await print([jsonLine(found.map(jsonOf))]);
    else if (found.length === 0) await print(['it does not belong to any row']);
    else await print(found.flatMap((row, index) => [...(index === 0 ? [] : ['']), ...linesOf(row)]));
    return found.length === 0 && seq === undefined ? EX_FAILED : 0;
  };
  return withLog(readEnvironment(), async ({ engine, reader }) => {
    await noteTableProblems(reader);
    const upTo = await seqToFold(reader);
    return upTo === undefined ? printFrom(reader) : withFolded(engine, upTo, printFrom);
  });
}

/** The row itself, and for a call its recordings in the order of arrival. */
async function rowsOf(reader: Reader, kind: string, id: string): Promise<Explanation[]> {
  const recorded =
    kind === 'call'
      ? await reader.query('SELECT recording_id FROM recordings WHERE call_uuid = ? ORDER BY first_seq', id)
      : [];
  const found = [await rowOf(reader, kind, id)];
  for (const row of recorded) found.push(await rowOf(reader, 'recording', String(row['recording_id'])));
  return found.filter((row) => row !== undefined);
}

async function rowOf(reader: Reader, kind: string, id: string): Promise<Explanation | undefined> {
  const table = TABLES.get(kind);
  return table && explain(reader, table, id);
}

/** @throws Error if there is no such event */
async function printEvent(reader: Reader, seq: number, isJson: boolean): Promise<void> {
  const { type, received_at_ms: receivedAtMs, path } = await eventAt(reader, seq);
  if (isJson) return; // only the rows
  const { error, warnings } = await recordedVerdict(reader, seq);
  await print([
    `seq ${seq}: ${harmless(type ?? 'no type')}, received ${shownTime(receivedAtMs)} at ${path}`,
    ...(error === null ? [] : [`unusable: ${harmless(error)}`]),
    ...warnings.map((warning) => `left out: ${harmless(warning)}`),
    '',
  ]);
}

/** Names another kind of row that has events with this id, if there is one. */
async function notFound(reader: Reader, kind: string, id: string): Promise<string> {
  const start = `no event for ${kind} ${JSON.stringify(harmless(id))} has arrived;`;
  for (const other of TABLES.keys())
    if (other !== kind && (await rowOf(reader, other, id)) !== undefined)
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
  const rows = byTime.map(({ seq, arrival, type, occurredAtMs, receivedAtMs, failure }) => [
    shownTime(occurredAtMs),
    String(arrival),
    String(seq),
    shownTime(receivedAtMs),
    harmless(type),
    failure === null ? '' : harmless(failure, VALUE_CHARS_MAX),
  ]);
  const values = columns.map(({ name, value, seq }) => {
    const time = name.endsWith('_at_ms') ? ` (${shownTime(Number(value))})` : '';
    return [name, harmless(`${value}${time}`, VALUE_CHARS_MAX), String(seq)];
  });
  return [
    `${table} ${harmless(key)}: ${counted(events.length, 'event')}, times are UTC`,
    ...alignedLines(['happened', 'arrival', 'seq', 'received', 'type', 'unusable because'], rows, [1, 2]),
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
