/**
 * A file of deliveries, one JSON object per line, as `events export` writes it: `headers`, and the exact body as `body`
 * or, if it is not valid UTF-8, as `body_base64`; and optionally a `path`. A line without headers that has an `event`
 * is a body itself. Any other line would be recorded as an unusable event, so the whole file is refused.
 */

import { readFileSync } from 'node:fs';
import { IRISX } from '../../src/core/packaging.ts';
import { faultText } from '../../src/core/storage-fault.ts';
import type { Delivery } from './post.ts';

const KEPT_HEADERS = /^x-irisx-event(-id)?$/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** @throws Error that names the file and the line, before anything is sent */
export function readRecordedFile(file: string): Delivery[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${faultText(error)}`, { cause: error });
  }
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return [];
      const read = readLine(line.replace(/\r$/, ''));
      if (typeof read === 'string') throw new Error(`${file}, line ${index + 1} ${read}; nothing was sent`);
      return [read];
    });
}

/** @returns the delivery, or what is wrong with the line */
function readLine(line: string): Delivery | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return 'is not a JSON object';
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'is not a JSON object';
  const { path, headers, body, body_base64: base64, event } = json as Record<string, unknown>;
  // The bare data of an SMS also has a field `body`, but no headers.
  if (headers === undefined && base64 === undefined) {
    if (typeof event === 'string') return { label: event, headers: {}, body: line };
    return `has neither headers and a body nor an event type; write the file with \`${IRISX} events export\``;
  }
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || Array.isArray(headers)))
    return 'has headers that are not an object';
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
