/** `./irisx events`: lists the events of the log, newest first; shows one in full or its raw bytes; follows the log. */

import { setTimeout as wait } from 'node:timers/promises';
import type { FoundEvent, Reader } from '../src/core/engine/reader.ts';
import type { StoredEvent } from '../src/core/event/recorded-event.ts';
import { failureText } from '../src/core/event/recorded-event.ts';
import { type EventFilter, type Found, findEvents, firstFrom } from '../src/core/inspect/find-events.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, executeCommand, flags, UsageError, wholeNumber, withValue } from './cli/command.ts';
import { readEnvironment, requireDatabase } from './cli/environment.ts';
import { exportEvents } from './cli/export-events.ts';
import { grouped } from './cli/numbers.ts';
import { print } from './cli/output.ts';
import { eventLines, eventMembers } from './cli/shown-event.ts';
import { shownTime, timeOption } from './cli/times.ts';

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
  --failed           only events that a table could not use
  --since, --until   received at or after, or before, this time: a date or a time, UTC
  --after, --before  only events with a greater, or a smaller, seq
  --limit N          default: 50, or all with --output json
  --output json      one JSON object per line

  ${IRISX} events list --type call.failed --since 2026-01-05
  ${IRISX} events list --subject +12025550100
  ${IRISX} events export --after 1200 > missing.jsonl
`;

const OPTIONS = {
  ...withValue('type', 'subject', 'since', 'until', 'after', 'before', 'limit', 'output'),
  ...flags('failed'),
};

type Values = Arguments<typeof OPTIONS>['values'];

const LIMIT_EVENTS = 50;
const LIMIT_EVENTS_MAX = 1_000_000;
/** Events found and printed at once as JSON, so that memory stays bounded. */
const LIST_PIECE_EVENTS = 10_000;
const TAIL_LOOK_MS = 250;
const TAIL_PIECE_EVENTS = 1000;
const TYPE_CHARS_MAX = 40;
const FAILURE_CHARS_MAX = 100;
const TYPE = /^[\w.-]{1,128}(?:\.\*)?$/;

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const [command, ...rest] = positionals;
  if (values.output !== undefined && values.output !== 'json' && values.output !== 'table')
    throw new UsageError(`--output must be table or json, not ${JSON.stringify(values.output)}`);
  const engine = await requireDatabase(readEnvironment());
  const reader = await engine.openReader();
  try {
    if (command === undefined)
      throw new UsageError('give a command: list, tail, show SEQ, raw SEQ or export');
    const act = COMMANDS.get(command);
    if (act === undefined)
      throw new UsageError(
        `unknown command ${JSON.stringify(command)}; commands: list, tail, show, raw, export`,
      );
    await act(reader, values, rest);
    return 0;
  } finally {
    await reader.close();
  }
}

const COMMANDS = new Map(Object.entries({ list, tail, show, raw, export: exportAll }));

async function list(reader: Reader, values: Values, rest: readonly string[]): Promise<void> {
  requireNothing(rest);
  const filter = filterOf(values);
  const { after, before } = await rangeOf(reader, values);
  const isJson = values.output === 'json';
  // A program that reads the output would not notice missing events.
  const limit = limitOf(values, isJson ? Number.POSITIVE_INFINITY : LIMIT_EVENTS);
  const found: FoundEvent[] = [];
  let count = 0;
  let next: number | undefined = before;
  do {
    const pieceLimit = Math.min(limit - count, LIST_PIECE_EVENTS);
    const piece: Found = await findEvents(reader, filter, { after, before: next }, pieceLimit);
    if (isJson) await print(piece.events.map((event) => JSON.stringify(event)));
    else found.push(...piece.events);
    count += piece.events.length;
    next = piece.before;
  } while (next !== undefined && count < limit);
  if (isJson) return;
  const titles = ['seq', 'received (UTC)', 'type', 'path', 'bytes', 'failure'];
  const lines = count === 0 ? ['no matching events'] : alignedLines(titles, found.map(cellsOf), [0, 4]);
  await print(next === undefined ? lines : [...lines, `older events: --before ${next}`]);
}

async function exportAll(reader: Reader, values: Values, rest: readonly string[]): Promise<void> {
  const { type, subject, failed, limit, output } = values;
  requireNothing(rest);
  for (const [name, value] of Object.entries({ type, subject, failed, limit }))
    if (value !== undefined)
      throw new UsageError(`--${name} cannot be used with export, which writes every event of its range`);
  if (output === 'table') throw new UsageError('export writes JSON, not a table');
  await exportEvents(reader, await rangeOf(reader, values));
}

async function tail(reader: Reader, values: Values, rest: readonly string[]): Promise<void> {
  requireNothing(rest);
  const filter = filterOf(values);
  const limit = limitOf(values, Number.POSITIVE_INFINITY);
  const lineOf =
    values.output === 'json' ? JSON.stringify : (event: FoundEvent) => cellsOf(event).join('  ').trimEnd();
  let last = seqOption('--after', values.after, (await reader.head()).seq);
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
  const event = await eventAt(reader, rest);
  const failure = failureText((await reader.failuresOf(event.seq)).map(({ error }) => error));
  const isJson = values.output === 'json';
  await print(isJson ? [JSON.stringify(eventMembers(event, failure))] : eventLines(event, failure));
}

async function raw(reader: Reader, _values: Values, rest: readonly string[]): Promise<void> {
  process.stdout.write((await eventAt(reader, rest)).body);
}

function requireNothing([text]: readonly string[]): void {
  if (text !== undefined) throw new UsageError(`unknown argument ${JSON.stringify(text)}`);
}

/** The event that the arguments of a command name. */
async function eventAt(reader: Reader, [text, ...more]: readonly string[]): Promise<StoredEvent> {
  if (text === undefined) throw new UsageError('give one SEQ, a whole number from 1');
  if (more.length > 0 || !/^[1-9]\d{0,14}$/.test(text)) {
    const given = JSON.stringify([text, ...more].join(' '));
    throw new UsageError(`give one SEQ, a whole number from 1, not ${given}`);
  }
  const seq = Number(text);
  const [event] = await reader.stored(seq - 1, 1);
  if (event?.seq === seq) return event;
  throw new Error(`there is no event ${seq}: the log's last event is seq ${(await reader.head()).seq}`);
}

function filterOf(values: Values): EventFilter {
  const { type, subject } = values;
  if (type !== undefined && !TYPE.test(type))
    throw new UsageError(
      `--type must be a type or a family, such as call.failed or call.*, not ${JSON.stringify(type)}`,
    );
  if (subject === '') throw new UsageError('--subject must not be empty');
  return { type, subject, failedOnly: values.failed === true };
}

async function rangeOf(reader: Reader, values: Values): Promise<{ after: number; before: number }> {
  const since = timeOption('--since', values.since);
  const until = timeOption('--until', values.until);
  const after = seqOption('--after', values.after, 0);
  const before = seqOption('--before', values.before, Number.MAX_SAFE_INTEGER);
  return {
    after: Math.max(after, since === undefined ? 0 : (await firstFrom(reader, since)) - 1),
    before: Math.min(before, until === undefined ? Number.MAX_SAFE_INTEGER : await firstFrom(reader, until)),
  };
}

function limitOf({ limit }: Values, fallback: number): number {
  return wholeNumber('--limit', limit, 1, LIMIT_EVENTS_MAX, fallback);
}

function seqOption(option: string, text: string | undefined, fallback: number): number {
  return wholeNumber(option, text, 0, Number.MAX_SAFE_INTEGER, fallback);
}

function cellsOf({ seq, type, receivedAtMs, path, bodyBytes, failure }: FoundEvent): string[] {
  return [
    String(seq),
    shownTime(receivedAtMs),
    harmless(type ?? '–', TYPE_CHARS_MAX),
    path,
    grouped(bodyBytes),
    failure === null ? '' : harmless(failure, FAILURE_CHARS_MAX),
  ];
}

await executeCommand(USAGE, OPTIONS, main);
