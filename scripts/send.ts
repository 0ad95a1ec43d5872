/** `./irisx send`: signs sample or recorded deliveries and posts them to a running server. */

import { randomInt } from 'node:crypto';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { readChanges } from './cli/changes.ts';
import { type Arguments, executeCommand, flags, UsageError, wholeNumber, withValue } from './cli/command.ts';
import { knownSecrets, readEnvironment, serverUrl, signingSecret } from './cli/environment.ts';
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
Signs deliveries and posts them to a running server.

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
  ...withValue('scenario', 'file', 'shape', 'url', 'path', 'secret', 'count', 'concurrency', 'rate', 'seed'),
  ...flags('shuffle', 'duplicate', 'quiet', 'verbose'),
  data: { type: 'string', multiple: true } as const,
};

type Given = Arguments<typeof OPTIONS>;

const COUNT_MAX = 10_000_000;
const CONCURRENCY_MAX = 10_000;
const RATE_MAX = 100_000;
const CONCURRENCY_DEFAULT = 10;
/** If there are more deliveries than this, only the summary is shown. */
const SHOWN_MAX = 50;
const SEED_LIMIT = 2 ** 32;

async function main(given: Given): Promise<number> {
  const { values } = given;
  const count = wholeNumber('--count', values.count, 1, COUNT_MAX, 1);
  const concurrent = count > 1 ? CONCURRENCY_DEFAULT : 1;
  const concurrency = wholeNumber('--concurrency', values.concurrency, 1, CONCURRENCY_MAX, concurrent);
  const rate = wholeNumber('--rate', values.rate, 1, RATE_MAX, undefined);
  const seed = wholeNumber('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER, randomInt(SEED_LIMIT));
  const random = seededRandom(seed);
  const once = readSource(given, random);
  const target = readTarget(given);
  const post = createPost({ ...target, connections: concurrency });

  const copies = values.duplicate === true ? 2 : 1;
  const total = once.size * count * copies;
  const isShown = values.verbose === true || (values.quiet !== true && total <= SHOWN_MAX);
  const isOneByOne = concurrency === 1 && rate === undefined;
  const outcomes = new SendOutcomes();
  let nobodyThere = false;
  const send = async (delivery: Delivery, dueMs: number) => {
    const outgoing = `--> ${harmless(delivery.label)}`;
    if (isShown && isOneByOne) await print([outgoing]);
    const answer = await post(delivery);
    if (answer.kind === 'no-answer' && answer.code === 'ECONNREFUSED' && outcomes.sent === 0)
      nobodyThere = true;
    if (nobodyThere) return false;
    const incoming = `<-- ${outcomes.add(delivery.label, answer, performance.now() - dueMs)}`;
    // With several in flight, each delivery is shown together with its answer.
    if (isShown) await print(isOneByOne ? [incoming] : [outgoing, incoming]);
    else showProgress('sending', outcomes.sent, total);
    return true;
  };

  const all = repeated(once.make, count, copies);
  if (values.shuffle === true) await print([`seed ${seed}`]);
  const startedMs = performance.now();
  await sendAll(values.shuffle === true ? shuffled([...all], random) : all, { concurrency, rate, send });
  if (nobodyThere)
    throw new Error(`nothing is listening on ${target.url.origin}: start the server with ${IRISX} serve`);
  if (outcomes.sent > 1) await print(outcomes.summary(performance.now() - startedMs));
  return outcomes.isGood ? 0 : 1;
}

function readTarget({ values }: Given): Omit<PostOptions, 'connections'> {
  const config = readEnvironment(values.secret);
  const url = readUrl(values.url ?? serverUrl(config));
  const { path } = values;
  if (path !== undefined && !path.startsWith('/')) throw new UsageError('--path must begin with /');
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

  const changes = readChanges(values.data ?? []);
  const shape = oneOf('--shape', values.shape ?? 'envelope', SHAPES);
  const name =
    values.scenario === undefined ? undefined : oneOf('--scenario', values.scenario, SCENARIO_NAMES);
  if (type !== undefined && !/^[\x21-\x7e]{1,128}$/.test(type))
    throw new UsageError('an event type is 1 to 128 printable ASCII characters, as in call.completed');
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

function* repeated(make: () => Iterable<Delivery>, count: number, copies: number): Generator<Delivery> {
  for (let made = 0; made < count; made++)
    for (const delivery of make()) for (let copy = 0; copy < copies; copy++) yield delivery;
}

function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === text);
  if (found === undefined) throw new UsageError(`${option} must be one of ${allowed.join(', ')}`);
  return found;
}

/** A URL without a path means the endpoint for all events. */
function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new UsageError(`--url must be an http or https URL, not ${JSON.stringify(text)}`);
  if (url.pathname === '/') url.pathname = '/webhooks';
  return url;
}

await executeCommand(USAGE, OPTIONS, main);
