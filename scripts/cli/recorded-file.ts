/**
 * A file of deliveries, one JSON object per line, as `events export` writes it: `headers`, and the exact body as `body`
 * or, if it is not valid UTF-8, as `body_base64`; and optionally a `path`. A line without headers that has an `event`
 * is a body itself. Any other line would be recorded as an unusable event, so the whole file is refused.
 */

import { isUtf8 } from 'node:buffer';
import { IRISX } from '../../src/core/packaging.ts';
import type { Delivery, DeliverySource } from './post.ts';
import { readFile } from './read-file.ts';

const KEPT_HEADERS = /^x-irisx-event(-id)?$/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Reads the deliveries as they are needed, in the order of the file: it may be large.
 * @throws Error that names the file and the first line that cannot be sent; nothing has been sent then
 */
export function readRecordedFile(file: string): DeliverySource {
  const bytes = readFile(file);
  function* make(): Generator<Delivery> {
    let number = 0;
    for (const line of linesOf(bytes)) {
      number += 1;
      const read = isUtf8(line) ? readLine(textOf(line, number)) : 'is not valid UTF-8';
      if (read === undefined) continue;
      if (typeof read === 'string') throw new Error(`${file}, line ${number} ${read}; nothing was sent`);
      yield read;
    }
  }
  let size = 0;
  for (const _ of make()) size += 1;
  return { size, make };
}

const LINE_END = 0x0a;

function* linesOf(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_END, start);
    const end = found === -1 ? bytes.length : found;
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

/** Without a carriage return at its end, and the first line without a byte order mark. */
function textOf(line: Buffer, number: number): string {
  const text = line.toString('utf8').replace(/\r$/, '');
  return number === 1 ? text.replace(/^\ufeff/, '') : text;
}

/** @returns the delivery, or what is wrong with the line; undefined if it is empty */
function readLine(line: string): Delivery | string | undefined {
  if (line.trim() === '') return undefined;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return 'is not a JSON object';
  }
  if (!isObject(json)) return 'is not a JSON object';
  const { path, headers, body, body_base64: base64, event } = json;
  // The bare data of an SMS also has a field `body`, but no headers.
  if (headers === undefined && base64 === undefined) {
    if (typeof event === 'string') return { label: event, headers: {}, body: line };
    return `has neither headers and a body nor an event type; write the file with \`${IRISX} events export\``;
  }
  if (headers !== undefined && !isObject(headers)) return 'has headers that are not an object';
  const isText = typeof body === 'string';
  if (!isText && (typeof base64 !== 'string' || !BASE64.test(base64)))
    return 'has no body: body must be text, or body_base64 must be Base64';
  const kept = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    KEPT_HEADERS.test(name) ? [[name, String(value)] as const] : [],
  );
  const type = kept.find(([name]) => name.toLowerCase() === 'x-irisx-event')?.[1];
  return {
    label: type ?? 'event',
    headers: Object.fromEntries(kept),
    body: isText ? body : Buffer.from(String(base64), 'base64'),
    ...(typeof path === 'string' && { path }),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
