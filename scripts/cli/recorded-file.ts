/**
 * A file of recorded deliveries, one JSON object per line. An object with `headers` and `body`, and possibly `path`, is
 * a delivery as recorded on the wire, and `body` is its exact text. For any other object, the line itself is the body.
 */

import { readFileSync } from 'node:fs';
import { faultText } from '../../src/core/storage-fault.ts';
import type { Delivery } from './post.ts';

const KEPT_HEADERS = /^x-irisx-event(-id)?$/i;

/** @throws Error that names the file and the line */
export function readRecordedFile(file: string): Delivery[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${faultText(error)}`, { cause: error });
  }
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const delivery = readLine(line.replace(/\r$/, ''));
    if (delivery === undefined) throw new Error(`${file}, line ${index + 1} is not a JSON object`);
    return [delivery];
  });
}

function readLine(line: string): Delivery | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const { path, headers, body, event } = json as Record<string, unknown>;
  // The bare data of an SMS also has a field `body`, but no headers.
  const isRecorded = typeof body === 'string' && typeof headers === 'object' && headers !== null;
  if (!isRecorded) return { label: typeof event === 'string' ? event : 'event', headers: {}, body: line };
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    KEPT_HEADERS.test(name) ? [[name, String(value)] as const] : [],
  );
  const type = kept.find(([name]) => name.toLowerCase() === 'x-irisx-event')?.[1];
  return {
    label: type ?? 'event',
    headers: Object.fromEntries(kept),
    body,
    ...(typeof path === 'string' && { path }),
  };
}
