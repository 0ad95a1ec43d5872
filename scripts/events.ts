/** `./irisx events`: lists the events of the log, newest first; shows one in full or its raw bytes; follows the log. */

import { setTimeout as wait } from 'node:timers/promises';
import type { FoundEvent, Reader } from '../src/core/engine/reader.ts';
import type { StoredEvent } from '../src/core/event/recorded-event.ts';
import { type EventFilter, type Found, findEvents, firstFrom } from '../src/core/inspect/find-events.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { readEnvironment, withLog } from './cli/environment.ts';
import { grouped, shownTime } from './cli/numbers.ts';
import {
  FILLED_TEXT,
  FLAG,
  knownName,
  OUTPUT,
  option,
  refuseMore,
  SEQ,
  TIME,
  UsageError,
  type Values as ValuesOf,
  whole,
} from './cli/options.ts';
import { jsonLine, print } from './cli/output.ts';
import {
  bodyMember,
  eventAt,
  eventLines,
  eventMembers,
  problemLines,
  recordedVerdict,
} from './cli/shown-event.ts';

const USAGE = `
${IRISX} events list [options]
${IRISX} events tail [options]
${IRISX} events show SEQ
${IRISX} events raw SEQ
${IRISX} events export [--after SEQ] [--before SEQ] [--since TIME] [--until TIME]
Reads the event log, also while the server runs.

  list               events, newest first
  tail               events as they arrive, until Ctrl-C or until --limit events have been shown
  show               one event with everything that was received with it
  raw                only the exact bytes of its body
  export             events with their bodies, oldest first, in the format that \`${IRISX} send --file\` reads

  --type TYPE        one type under any of its spellings, or a family: call.failed, sms.*
  --subject ID       events whose body contains this text: the id of a call, message or recording, or a phone number
  --failed           only events that a table could not use, or of which it left out a value
  --since, --until   received at or after, or before, this time: a date or a time, UTC
  --after, --before  only events with a greater, or a smaller, seq
  --limit N          default: 50, or all with --output json
  --output json      one JSON object per line

  ${IRISX} events list --type call.failed --since 2026-01-05
  ${IRISX} events list --subject +12025550100
  ${IRISX} events export --after 1200 > missing.jsonl
`;

const LIMIT_EVENTS = 50;
const LIMIT_EVENTS_MAX = 1_000_000;
/** Events found and printed at once as JSON, so that memory stays bounded. */
const LIST_PIECE_EVENTS = 10_000;
const TAIL_LOOK_MS = 250;
const TAIL_PIECE_EVENTS = 1000;
const TYPE_CHARS_MAX = 40;
const PROBLEM_CHARS_MAX = 100;
const TYPE = /^[\w.-]{1,128}(?:\.\*)?$/;

const OPTIONS = {
  type: option(readType),
  subject: FILLED_TEXT,
  since: TIME,
  until: TIME,
  after: SEQ,
  before: SEQ,
  limit: whole(1, LIMIT_EVENTS_MAX),
  output: OUTPUT,
  failed: FLAG,
};

type Values = ValuesOf<typeof OPTIONS>;

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  return withLog(readEnvironment(), async ({ reader }) => {
    const [command, ...rest] = positionals;
    if (command === undefined)
      throw new UsageError('give a command: list, tail, show SEQ, raw SEQ or export');
    await COMMANDS[knownName('command', command, COMMAND_NAMES)](reader, values, rest);
    return 0;
  });
}

const COMMANDS = { list, tail, show, raw, export: exportEvents };
const COMMAND_NAMES = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[];

async function list(reader: Reader, values: Values, rest: readonly string[]): Promise<void> {
  refuseMore(rest);
  const filter = filterOf(values);
  const { after, before } = await rangeOf(reader, values);
  const isJson = values.output === 'json';
  // A program that reads the output would not notice missing events.
  const limit = values.limit ?? (isJson ? Number.POSITIVE_INFINITY : LIMIT_EVENTS);
  const found: FoundEvent[] = [];
  let count = 0;
  let next: number | undefined = before;
  do {
    const pieceLimit = Math.min(limit - count, LIST_PIECE_EVENTS);
    const piece: Found = await findEvents(reader, filter, { after, before: next }, pieceLimit);
    if (isJson) await print(piece.events.map(jsonLine));
    else found.push(...piece.events);
    count += piece.events.length;
    next = piece.before;
  } while (next !== undefined && count < limit);
  if (isJson) return;
  const titles = ['seq', 'received (UTC)', 'type', 'path', 'bytes', 'problem'];
  const lines = count === 0 ? ['no matching events'] : alignedLines(titles, found.map(cellsOf), [0, 4]);
  await print(next === undefined ? lines : [...lines, `older events: --before ${next}`]);
}

/** Writes lines that `send --file` reads: nothing is left out, and no body is changed. */
async function exportEvents(reader: Reader, values: Values, rest: readonly string[]): Promise<void> {
  refuseMore(rest);
  for (const name of ['type', 'subject', 'failed', 'limit'] as const)
    if (values[name] !== undefined && values[name] !== false)
      throw new UsageError(`--${name} cannot be used with export, which writes every event of its range`);
  if (values.output === 'table') throw new UsageError('export writes JSON, not a table');
  const { after, before } = await rangeOf(reader, values);
  const last = Math.min((await reader.head()).seq, before - 1);
  for (let seq = after; seq < last; ) {
    const events = await reader.stored(seq);
    if (events.length === 0) throw missing(seq + 1);
    for (const event of events) {
      if (event.seq !== seq + 1) throw missing(seq + 1);
      if (event.seq > last) break;
      await print([jsonLine(exported(event))]);
      seq = event.seq;
    }
  }
}

function exported(event: StoredEvent): object {
  return {
    seq: event.seq,
    received_at: new Date(event.received_at_ms).toISOString(),
    signed_at: new Date(event.signed_at * 1000).toISOString(),
    path: event.path,
    headers: {
      ...(event.event_header !== null && { 'X-IRISX-Event': event.event_header }),
      ...(event.event_id_header !== null && { 'X-IRISX-Event-ID': event.event_id_header }),
    },
    ...bodyMember(event.body),
  };
}

function missing(seq: number): Error {
  return new Error(`seq ${seq} is missing or cannot be read: the export ends before it; run ${IRISX} verify`);
}

async function tail(reader: Reader, values: Values, rest: readonly string[]): Promise<void> {
  refuseMore(rest);
  const filter = filterOf(values);
  const limit = values.limit ?? Number.POSITIVE_INFINITY;
  const lineOf =
    values.output === 'json' ? jsonLine : (event: FoundEvent) => cellsOf(event).join('  ').trimEnd();
  let last = values.after ?? (await reader.head()).seq;
  let shown = 0;
  for (let version: unknown; shown < limit; await wait(TAIL_LOOK_MS)) {
    const found = await reader.version();
    if (found === version) continue;
    version = found;
    const head = await reader.head();
    while (last < head.seq && shown < limit) {
      const before = Math.min(head.seq, last + TAIL_PIECE_EVENTS) + 1;
      const { events } = await findEvents(reader, filter, { after: last, before }, TAIL_PIECE_EVENTS);
      const some = events.toReversed().slice(0, limit - shown);
      await print(some.map((event) => lineOf(event)));
      shown += some.length;
      last = before - 1;
    }
  }
}

async function show(reader: Reader, values: Values, rest: readonly string[]): Promise<void> {
  const event = await eventAt(reader, onlySeq(rest));
  const verdict = await recordedVerdict(reader, event.seq);
  const isJson = values.output === 'json';
  await print(isJson ? [jsonLine(eventMembers(event, verdict))] : eventLines(event, verdict));
}

async function raw(reader: Reader, _values: Values, rest: readonly string[]): Promise<void> {
  process.stdout.write((await eventAt(reader, onlySeq(rest))).body);
}

function onlySeq(rest: readonly string[]): number {
  const text = rest.join(' ');
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  const given = rest.length === 0 ? '' : `, not ${JSON.stringify(text)}`;
  throw new UsageError(`give one SEQ, a whole number from 1${given}`);
}

function readType(text: string): string {
  if (TYPE.test(text)) return text;
  throw new UsageError(
    `--type must be a type or a family, such as call.failed or call.*, not ${JSON.stringify(text)}`,
  );
}

function filterOf({ type, subject, failed }: Values): EventFilter {
  return { type, subject, failedOnly: failed };
}

async function rangeOf(reader: Reader, { after, before, since, until }: Values) {
  const fromTime = since === undefined ? 0 : (await firstFrom(reader, since)) - 1;
  const untilTime = until === undefined ? Number.MAX_SAFE_INTEGER : await firstFrom(reader, until);
  return {
    after: Math.max(after ?? 0, fromTime),
    before: Math.min(before ?? Number.MAX_SAFE_INTEGER, untilTime),
  };
}

function cellsOf({ seq, type, receivedAtMs, path, bodyBytes, failure, warnings }: FoundEvent): string[] {
  return [
    String(seq),
    shownTime(receivedAtMs),
    harmless(type ?? '–', TYPE_CHARS_MAX),
    path,
    grouped(bodyBytes),
    harmless(problemLines({ error: failure, warnings }).join('; '), PROBLEM_CHARS_MAX),
  ];
}

await executeCommand(USAGE, OPTIONS, main);
