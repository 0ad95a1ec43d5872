/** Random mutations of a valid request, in one to three steps, each of which a client or proxy might really make. */

import type { Random } from '../../support/random.ts';

/** Latin-1 text, so that each character is a byte. */
type Bytes = string;

type Mutation = (bytes: Bytes, random: Random, other: Bytes) => Bytes;

const CONTROLS = ['\0', '\r', '\n', '\r\n', '\r\n\r\n', '\t', '\x1b', '\x7f', '\x80', '\xff', ' ', ':', ','];
const LENGTHS = ['-1', '+5', '0', '00', '0x10', '1e3', '1.0', '', ' ', '99999999999999999999', '5, 5', '5 5'];
const CODINGS = [
  'chunked',
  'xchunked',
  'Chunked',
  'chunked, chunked',
  'identity',
  'gzip, chunked',
  '\x0bchunked',
];
const SIZES = [
  '',
  'g',
  '-1',
  '0x5',
  'ffffffffffffffff',
  '10000000000000000',
  '5;a=b',
  '5 ',
  ' 5',
  '0',
  '00005',
];
const LINES = [
  ...['Host: b', 'Host:', 'Connection: close', 'Connection: upgrade', 'Upgrade: websocket', 'Expect: tea'],
  ...['Expect: 100-continue', 'Content-Encoding: gzip', 'Content-Encoding: identity', '__proto__: x', ': x'],
  ...['X-Request-Id: ../../x', 'X-IRISX-Signature: x', 'X-IRISX-Timestamp: 1', 'X-IRISX-Event: call.x', 'x'],
  ...['X-IRISX-Signature-256: x', 'X-Forwarded-For: 1, 2,,', 'Trailer: Host', 'TE: trailers', ' folded'],
];
const STARTS = [
  ...[
    'GET /webhooks',
    'PUT /webhooks',
    'POST /',
    'POST //evil',
    'POST http://evil/webhooks',
    'TRACE /webhooks',
  ],
  ...[
    'OPTIONS *',
    'CONNECT a:1',
    'POST /webhooks/sms/',
    'POST /webhooks?challenge=x',
    'post /webhooks',
    'POST ',
  ],
  ...['GET /webhooks?challenge=%0d%0aX', 'PRI *', 'POST /webhooks/%2e%2e', `POST /${'a'.repeat(20_000)}`],
];
const VERSIONS = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'HTTP/1.2',
  'HTTP/1.11',
  'http/1.1',
  'HTTP/1',
  '',
  'HTTP/9.9',
];

/** The lines of the head, and the bytes after its empty line. */
function take(bytes: Bytes): { lines: string[]; body: Bytes } {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return { lines: [bytes], body: '' };
  return { lines: bytes.slice(0, end).split('\r\n'), body: bytes.slice(end + 4) };
}

const put = (lines: readonly string[], body: Bytes): Bytes => `${lines.join('\r\n')}\r\n\r\n${body}`;

/** Changes one header line; `lines[0]` is the request line. */
function onLine(change: (line: string, random: Random) => string | string[]): Mutation {
  return (bytes, random) => {
    const { lines, body } = take(bytes);
    const at = 1 + random.below(lines.length - 1);
    const line = lines[at];
    if (line === undefined) return bytes;
    return put([...lines.slice(0, at), ...[change(line, random)].flat(), ...lines.slice(at + 1)], body);
  };
}

/** Replaces the value of a header if it exists. */
function onValue(name: string, change: (value: string, random: Random) => string): Mutation {
  return (bytes, random) => {
    const { lines, body } = take(bytes);
    const changed = lines.map((line) =>
      line.toLowerCase().startsWith(`${name}:`)
        ? `${line.slice(0, name.length + 2)}${change(line.slice(name.length + 2), random)}`
        : line,
    );
    return put(changed, body);
  };
}

const insertAt = (bytes: Bytes, at: number, what: Bytes) => bytes.slice(0, at) + what + bytes.slice(at);

const flipped = (character: string, random: Random) =>
  String.fromCharCode(character.charCodeAt(0) ^ (1 << random.below(8)));

/** The body in chunks, one of which may lie about its size. */
const chunked: Mutation = (bytes, random) => {
  const { lines, body } = take(bytes);
  const pieces: string[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + random.below(body.length);
    const piece = body.slice(at, at + size);
    const statedSize = random.chance(0.15) ? random.pick(SIZES) : piece.length.toString(16);
    const end = random.chance(0.05) ? random.pick(CONTROLS) : '\r\n';
    pieces.push(`${statedSize}\r\n${piece}${end}`);
    at += size;
  }
  const last = random.chance(0.1) ? '0\r\nTrailer: x\r\n\r\n' : '0\r\n\r\n';
  const kept = lines.filter((line) => random.chance(0.1) || !line.toLowerCase().startsWith('content-length'));
  return put([...kept, 'Transfer-Encoding: chunked'], pieces.join('') + last);
};

/** All kinds of mutations of a request. */
const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.slice(0, at) + flipped(bytes[at] ?? '', random) + bytes.slice(at + 1);
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => bytes.slice(random.below(20)),
  (bytes, random) => insertAt(bytes, random.below(bytes.length), random.pick(CONTROLS)),
  (bytes, random) => insertAt(bytes, random.below(bytes.length), bytes.slice(random.below(bytes.length))),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.slice(0, at) + bytes.slice(at + 1 + random.below(40));
  },
  onLine((line) => [line, line]),
  onLine(() => []),
  onLine((line, random) => [line, random.pick(LINES)]),
  onLine((line) => line.toUpperCase()),
  onLine((line) => line.replace(':', ' :')),
  onLine((line) => line.replace(': ', ':\r\n ')),
  onLine((line, random) => insertAt(line, random.below(line.length), random.pick(CONTROLS))),
  onLine((line, random) => line + 'y'.repeat(random.pick([100, 4000, 17_000]))),
  onLine((line, random) => line.replace(/[^:]*$/, random.pick([...LENGTHS, '\xe9', '"', '%00', '{}']))),
  (bytes, random) => {
    const { lines, body } = take(bytes);
    return put([lines[0] ?? '', ...random.shuffle(lines.slice(1))], body);
  },
  (bytes, random) => {
    const { lines, body } = take(bytes);
    return `${lines
      .map((line) => line + (random.chance(0.2) ? random.pick(['\n', '\r', '\r\r\n']) : '\r\n'))
      .join('')}\r\n${body}`;
  },
  (bytes, random) => bytes.replace(/^[^ ]* [^ ]*/, random.pick(STARTS)),
  (bytes, random) => bytes.replace(/HTTP\/1\.1/, random.pick(VERSIONS)),
  onValue('content-length', (value, random) =>
    String(Number(value) + random.pick([-2, -1, 1, 2, 1000, 2e6])),
  ),
  onValue('content-length', (_, random) => random.pick(LENGTHS)),
  (bytes, random) => bytes.replace('\r\n\r\n', `\r\nTransfer-Encoding: ${random.pick(CODINGS)}\r\n\r\n`),
  onValue('x-irisx-signature', (value, random) => flipped(value[0] ?? '', random) + value.slice(1)),
  onValue('x-irisx-signature', (value, random) =>
    random.pick([value.toUpperCase(), `sha256=${value}`, `${value}00`, value.slice(1), `${value}, ${value}`]),
  ),
  onValue('x-irisx-timestamp', (value, random) =>
    random.pick([`${value}000`, `-${value}`, `${value}.0`, 'NaN', String(Number(value) - 301), `${value} `]),
  ),
  chunked,
  chunked,
  (bytes, random, other) =>
    bytes.slice(0, random.below(bytes.length)) + other.slice(random.below(other.length)),
  (bytes, _random, other) => put(take(bytes).lines, take(other).body),
  (bytes, _random, other) => bytes + other,
  (bytes, random, other) => bytes + other.slice(0, random.below(other.length)),
  (bytes, random) => random.pick(CONTROLS).repeat(1 + random.below(3)) + bytes,
];

/** @param other another valid request, which may be mixed in @returns `bytes` mutated, occasionally unchanged */
export function mutate(bytes: Bytes, other: Bytes, random: Random): Bytes {
  let spoilt = bytes;
  for (let steps = random.chance(0.05) ? 0 : 1 + random.below(3); steps > 0 && spoilt !== ''; steps--)
    spoilt = random.pick(MUTATIONS)(spoilt, random, other);
  return spoilt;
}
