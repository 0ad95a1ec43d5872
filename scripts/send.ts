/** `./irisx send`: signs sample or recorded deliveries and posts them to a running server. */

import { randomInt } from 'node:crypto';
import { SPELLINGS_WITH_TABLE, tabledType } from '../src/core/event/event-types.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { knownSecrets, readEnvironment, serverUrl, signingSecret } from './cli/environment.ts';
import { nearest } from './cli/nearest.ts';
import { choice, FILLED_TEXT, FLAG, option, TEXT, UsageError, whole } from './cli/options.ts';
import { print, showProgress } from './cli/output.ts';
import { createPost, type Delivery, type DeliverySource, type PostOptions } from './cli/post.ts';
import { type Random, seededRandom, shuffled } from './cli/random.ts';
import { readRecordedFile } from './cli/recorded-file.ts';
import { SHAPES, sampleEvent } from './cli/sample-events.ts';
import { SCENARIO_NAMES, scenario, singleEvent } from './cli/scenarios.ts';
import { sendAll } from './cli/send-all.ts';
import { SendOutcomes } from './cli/send-outcomes.ts';

const USAGE = `
${IRISX} send <event type> | --scenario NAME | --file F.jsonl  [options]
Signs deliveries and posts them to a running server. Of an unknown event type, which the server records too, a note
names the nearest known types.

  --scenario NAME    ${SCENARIO_NAMES.join(', ')}
  --file F           recorded deliveries, one JSON object per line: path, headers, body; or only the bodies
  --data NAME=VALUE  sets a field (repeatable); VALUE is JSON if it is valid JSON, else text; NAME:=TEXT is always text
  --shape SHAPE      ${SHAPES.join(', ')} (default: envelope)
  --url URL          default: PORT and HOST of the configuration; --path /webhooks/calls changes only the path
  --secret S         default: the first secret of WEBHOOK_SECRET, or else the development secret
  --count N          repeats N times, with new ids; --duplicate sends each delivery twice
  --concurrency C    requests in flight at once (default: 10; 1 without --count, so that they arrive in order)
  --rate R           deliveries per second, however long the answers take
  --shuffle          sends in random order; --seed N gives the same ids and order again
  --verbose, --quiet a line for each delivery and answer (default for up to 50 deliveries), or only the summary

Exit code 0: every answer was 2xx with "success": true.

  ${IRISX} send call.completed --data duration_seconds=90 --data to_number:=+12025550123
  ${IRISX} send --scenario call --shape bare --path /webhooks/calls
  ${IRISX} send --scenario all --count 1000 --shuffle --duplicate
`;

const OPTIONS = {
  scenario: choice(...SCENARIO_NAMES),
  file: TEXT,
  data: { ...option(readChange), multiple: true },
  shape: choice(...SHAPES),
  url: option(readUrl),
  path: option(readPath),
  secret: FILLED_TEXT,
  count: whole(1, 10_000_000),
  concurrency: whole(1, 10_000),
  rate: whole(1, 100_000),
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  shuffle: FLAG,
  duplicate: FLAG,
  quiet: FLAG,
  verbose: FLAG,
} as const;

type Given = Arguments<typeof OPTIONS>;

const CONCURRENCY_DEFAULT = 10;
/** If there are more deliveries than this, only the summary is shown. */
const SHOWN_MAX = 50;
const SEED_LIMIT = 2 ** 32;
const NEAREST_SHOWN = 3;

async function main(given: Given): Promise<number> {
  const { values } = given;
  const { count = 1, concurrency = count > 1 ? CONCURRENCY_DEFAULT : 1, rate } = values;
  const { seed = randomInt(SEED_LIMIT) } = values;
  const random = seededRandom(seed);
  const once = readSource(given, random);
  const target = readTarget(given);
  const post = createPost({ ...target, connections: concurrency });

  const copies = values.duplicate ? 2 : 1;
  const total = once.size * count * copies;
  const isShown = values.verbose || (!values.quiet && total <= SHOWN_MAX);
  const isOneByOne = concurrency === 1 && rate === undefined;
  const outcomes = new SendOutcomes();
  const send = async (delivery: Delivery, dueMs: number) => {
    const outgoing = `--> ${harmless(delivery.label)}`;
    if (isShown && isOneByOne) await print([outgoing]);
    const answer = await post(delivery);
    if (answer.kind === 'no-answer' && answer.code === 'ECONNREFUSED' && outcomes.sent === 0) return false;
    const incoming = `<-- ${outcomes.add(delivery.label, answer, performance.now() - dueMs)}`;
    // With several in flight, each delivery is shown together with its answer.
    if (isShown) await print(isOneByOne ? [incoming] : [outgoing, incoming]);
    else showProgress('sending', outcomes.sent, total);
    return true;
  };

  const all = repeated(once.make, count, copies);
  if (values.shuffle) await print([`seed ${seed}`]);
  const startedMs = performance.now();
  const deliveries = values.shuffle ? shuffled([...all], random) : all;
  const isServerThere = await sendAll(deliveries, { concurrency, rate, send });
  if (!isServerThere)
    throw new Error(`nothing is listening on ${target.url.origin}: start the server with ${IRISX} serve`);
  if (outcomes.sent > 1) await print(outcomes.summary(performance.now() - startedMs));
  return outcomes.isGood ? 0 : 1;
}

function readTarget({ values }: Given): Omit<PostOptions, 'connections'> {
  const config = readEnvironment(values.secret);
  const { url = new URL(serverUrl(config)), path } = values;
  // A server that skips verification has made no secret and accepts any.
  const secret = config.skipSignatureVerification
    ? (knownSecrets(config)[0] ?? 'any')
    : signingSecret(config);
  return { url, path, secret };
}

function readSource({ values, positionals }: Given, random: Random): DeliverySource {
  const [type, ...more] = positionals;
  const sources = [type, values.scenario, values.file].filter((source) => source !== undefined);
  if (sources.length !== 1 || more.length > 0) {
    throw new UsageError('name one event type, or one --scenario, or one --file');
  }
  if (values.file !== undefined) {
    if (values.data !== undefined || values.shape !== undefined)
      throw new UsageError('--data and --shape are for samples: the bodies of a --file are sent unchanged');
    const recorded = readRecordedFile(values.file);
    if (recorded.size === 0) throw new UsageError(`${values.file} contains no deliveries`);
    return recorded;
  }

  const { data = [], shape, scenario: name } = values;
  const changes = Object.fromEntries(data);
  if (type !== undefined && !/^[\x21-\x7e]{1,128}$/.test(type))
    throw new UsageError('an event type is 1 to 128 printable ASCII characters, as in call.completed');
  if (type !== undefined && tabledType(type) === undefined) noteUnknownType(type);
  const events = (nowMs: number) =>
    name === undefined ? singleEvent(type ?? '', random, nowMs) : scenario(name, random, nowMs);
  const make = () =>
    events(Date.now()).map((event) => {
      const sample = sampleEvent(event.type, event.subject, shape, changes);
      const headers = { 'X-IRISX-Event': sample.type, 'X-IRISX-Event-ID': sample.eventId };
      return { label: sample.type, headers, body: sample.body };
    });
  return { size: make().length, make };
}

/** Sent all the same, because IRISX adds types without notice. */
function noteUnknownType(type: string): void {
  const known = nearest(type, SPELLINGS_WITH_TABLE, NEAREST_SHOWN).join(', ');
  process.stderr.write(
    `note: unknown event type ${JSON.stringify(type)}: it is recorded, but no table shows it; the nearest types: ${known}\n`,
  );
}

function* repeated(make: () => Iterable<Delivery>, count: number, copies: number): Generator<Delivery> {
  for (let made = 0; made < count; made++)
    for (const delivery of make()) for (let copy = 0; copy < copies; copy++) yield delivery;
}

/** A URL without a path means the endpoint for all events. */
function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new UsageError(`--url must be an http or https URL, not ${JSON.stringify(text)}`);
  if (url.pathname === '/') url.pathname = '/webhooks';
  return url;
}

function readPath(text: string): string {
  if (text.startsWith('/')) return text;
  throw new UsageError('--path must begin with /');
}

/**
 * `name=value`: a number, true, false, null or other JSON keeps its type; anything else is text.
 * `name:=text`: always text.
 */
function readChange(text: string): readonly [name: string, value: unknown] {
  const [, name, sign, value] = /^([A-Za-z_][\w.-]*)(:?=)(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new UsageError(`--data must be name=value, not ${JSON.stringify(text)}`);
  return [name, sign === ':=' ? value : jsonOrText(value)];
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

await executeCommand(USAGE, OPTIONS, main);
