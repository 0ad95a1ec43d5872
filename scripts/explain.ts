/** `./irisx explain`: shows whether something has arrived, and why its row looks the way it does. */

import type { Reader } from '../src/core/engine/reader.ts';
import { failureText } from '../src/core/event/recorded-event.ts';
import {
  type ExplainedColumn,
  Explainer,
  type Explanation,
  type RowKey,
} from '../src/core/inspect/explain.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { derivations } from '../src/projections/index.ts';
import { recordingsOf } from '../src/projections/recordings-of-call.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, executeCommand, UsageError } from './cli/command.ts';
import { readEnvironment, requireDatabase } from './cli/environment.ts';
import { counted } from './cli/numbers.ts';
import { print } from './cli/output.ts';
import { noteTableProblems } from './cli/table-notes.ts';
import { shownTime } from './cli/times.ts';

const TABLES = { call: 'calls', sms: 'sms_messages', recording: 'recordings', contact: 'contacts' } as const;

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

const OPTIONS = { output: { type: 'string' } } as const;

const VALUE_CHARS_MAX = 100;

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const [kind, id, ...more] = positionals;
  if (
    kind === undefined ||
    id === undefined ||
    id === '' ||
    more.length > 0 ||
    !(kind in TABLES || kind === 'seq')
  )
    throw new UsageError(`give one of ${Object.keys(TABLES).join(', ')} and an id, or seq and a number`);
  if (values.output !== undefined && values.output !== 'json' && values.output !== 'table')
    throw new UsageError(`--output must be table or json, not ${JSON.stringify(values.output)}`);
  if (kind === 'seq' && !/^[1-9]\d{0,14}$/.test(id))
    throw new UsageError(`${JSON.stringify(id)} is not a seq: give a whole number from 1`);
  const engine = await requireDatabase(readEnvironment());
  const reader = await engine.openReader();
  try {
    await noteTableProblems(reader);
    const explainer = new Explainer(reader, derivations.projections);
    const keys =
      kind === 'seq' ? await keysOfSeq(reader, explainer, Number(id)) : await keysOf(reader, kind, id);
    const found: Explanation[] = [];
    for (const key of keys) {
      const explanation = await explainer.explain(key);
      if (explanation !== undefined) found.push(explanation);
    }
    if (found.length === 0) return await notFound(explainer, kind, id);
    if (values.output === 'json') process.stdout.write(`${JSON.stringify(found)}\n`);
    else
      await print(
        found.flatMap((explanation, index) => [...(index === 0 ? [] : ['']), ...linesOf(explanation)]),
      );
    return 0;
  } finally {
    await reader.close();
  }
}

/** The row itself, and for a call its recordings. */
async function keysOf(reader: Reader, kind: string, id: string): Promise<RowKey[]> {
  const key = { table: TABLES[kind as keyof typeof TABLES], key: id };
  if (kind !== 'call') return [key];
  const recordings = await recordingsOf(reader, id);
  return [key, ...recordings.map((recording) => ({ table: TABLES.recording, key: recording }))];
}

async function keysOfSeq(reader: Reader, explainer: Explainer, seq: number): Promise<RowKey[]> {
  const [event] = await reader.forHandlers(seq - 1, 1);
  if (event?.seq !== seq)
    throw new Error(`there is no event ${seq}: the log's last event is seq ${(await reader.head()).seq}`);
  const failure = failureText((await reader.failuresOf(seq)).map(({ error }) => error));
  await print([
    `seq ${seq}: ${harmless(event.type ?? 'no type')}, received ${shownTime(event.receivedAtMs)} at ${event.path}`,
    ...(failure === null ? [] : [`unusable: ${harmless(failure)}`]),
    '',
  ]);
  return explainer.rowsOf(seq);
}

async function notFound(explainer: Explainer, kind: string, id: string): Promise<number> {
  if (kind === 'seq') {
    await print(['it does not belong to any row']);
    return 0;
  }
  const elsewhere = await kindElsewhere(explainer, kind, id);
  const hint =
    elsewhere === undefined
      ? `${IRISX} events list --subject ID searches all bodies for it`
      : `events for ${elsewhere} with this id have: ${IRISX} explain ${elsewhere} ${harmless(id)}`;
  await print([`no event for ${kind} ${JSON.stringify(harmless(id))} has arrived; ${hint}`]);
  return 1;
}

/** Another kind of row that events with this id belong to. */
async function kindElsewhere(explainer: Explainer, kind: string, id: string): Promise<string | undefined> {
  for (const [other, table] of Object.entries(TABLES))
    if (other !== kind && (await explainer.explain({ table, key: id })) !== undefined) return other;
  return undefined;
}

function linesOf({ table, key, events, columns, differing, lookedAtFrom }: Explanation): string[] {
  const byTime = events.toSorted(
    (one, other) => one.occurredAtMs - other.occurredAtMs || one.seq - other.seq,
  );
  const place = new Map(
    events.toSorted((one, other) => one.seq - other.seq).map(({ seq }, index) => [seq, index + 1]),
  );
  const rows = byTime.map(({ seq, type, occurredAtMs, receivedAtMs, failure }) => [
    shownTime(occurredAtMs),
    String(place.get(seq)),
    String(seq),
    shownTime(receivedAtMs),
    harmless(type),
    failure === null ? '' : harmless(failure, VALUE_CHARS_MAX),
  ]);
  return [
    `${table} ${harmless(key)}: ${counted(events.length, 'event')}, times are UTC`,
    ...alignedLines(['happened', 'arrival', 'seq', 'received', 'type', 'unusable because'], rows, [1, 2]),
    '',
    ...(columns.length === 0
      ? ['there is no row: none of its events could be used']
      : alignedLines(['column', 'value', 'set by seq'], columns.map(cellsOf), [2])),
    ...(lookedAtFrom === 1 ? [] : [`events before seq ${lookedAtFrom} were not examined`]),
    ...(differing.length === 0
      ? []
      : [
          `the table has different values in ${differing.join(', ')}: it lags behind the log (see ${IRISX} rebuild --check), or includes earlier events`,
        ]),
  ];
}

function cellsOf({ name, value, seq }: ExplainedColumn): string[] {
  const time = name.endsWith('_at_ms') ? ` (${shownTime(Number(value))})` : '';
  return [name, harmless(`${value}${time}`, VALUE_CHARS_MAX), String(seq)];
}

await executeCommand(USAGE, OPTIONS, main);
