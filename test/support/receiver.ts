/** A complete receiver for a test: real threads, a real database file in its own folder, port 0. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { readConfig } from '../../src/config/config.ts';
import { generateSignature } from '../../src/core/event/signature.ts';
import { openReceiver, type Receiver } from '../../src/receiver.ts';
import { digestOf, type Entry } from './ledger.ts';
import { checkSoundLog } from './sound-log.ts';

export const SECRET = '5e'.repeat(32);

/** The deliveries acknowledged to post(), by the origin of the receiver. */
const acknowledged = new Map<string, Entry[]>();

export interface TestReceiver {
  readonly url: string;
  readonly port: number;
  /** Undefined without ADMIN_PORT in its environment: then there are no admin pages. */
  readonly adminUrl: string | undefined;
  readonly adminToken: string | undefined;
  readonly databasePath: string;
  /** Log lines so far. */
  readonly lines: string[];
  /** Resolves when a log line contains this. @throws Error if none does in time */
  logged(text: string | RegExp, withinMs?: number): Promise<void>;
  /** Rows of a query over a separate read-only connection. */
  rows(sql: string, ...values: unknown[]): Record<string, unknown>[];
  /** Ends it, then checks that its log is sound and contains everything acknowledged. A second call does nothing more. */
  close(): Promise<void>;
}

export interface TestOptions {
  readonly env?: Record<string, string>;
  readonly databasePath?: string;
  readonly now?: () => number;
  readonly monotonicMs?: () => number;
  readonly onLost?: (text: string) => void;
  /** Skips the check of the log at the end, because other code has made a different table. */
  readonly skipsLogCheck?: boolean;
}

/** A new empty folder, with a function that removes it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'irisx-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function startReceiver(options: TestOptions = {}): Promise<TestReceiver> {
  const folder = options.databasePath === undefined ? temporaryFolder() : undefined;
  const databasePath = options.databasePath ?? join(folder?.path ?? '', 'irisx.db');
  const lines: string[] = [];
  const config = readConfig({
    PORT: '0',
    HOST: '127.0.0.1',
    ADMIN_PORT: '0',
    WEBHOOK_SECRET: SECRET,
    DATABASE_URL: `file:${databasePath}`,
    ...options.env,
  });
  const receiver: Receiver = await openReceiver({
    config,
    ...(options.now && { now: options.now }),
    ...(options.monotonicMs && { monotonicMs: options.monotonicMs }),
    writeLine: (line) => lines.push(line),
    onLost: options.onLost ?? ((text) => lines.push(`LOST ${text}`)),
  });
  const url = `http://127.0.0.1:${receiver.address.port}`;
  acknowledged.set(url, []);
  let closing: Promise<void> | undefined;
  async function endAndCheck(): Promise<void> {
    await receiver.close();
    if (options.skipsLogCheck !== true)
      await checkSoundLog(databasePath, { entries: () => acknowledged.get(url) ?? [] }, []);
    folder?.remove();
  }
  return {
    url,
    port: receiver.address.port,
    adminUrl: receiver.adminPages?.url,
    adminToken: receiver.adminPages?.token,
    databasePath,
    lines,
    logged(text, withinMs) {
      const isThere = () => lines.some((line) => contains(line, text));
      return until(isThere, `the log has a line with ${text}`, withinMs);
    },
    rows: (sql, ...values) => query(databasePath, sql, ...values),
    close() {
      closing ??= endAndCheck();
      return closing;
    },
  };
}

/** Rows of a query over a separate read-only connection. */
export function query(databasePath: string, sql: string, ...values: unknown[]): Record<string, unknown>[] {
  const database = new Sqlite(databasePath, { readonly: true });
  try {
    return database.prepare(sql).all(...values) as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

export interface DeliveryOptions {
  readonly path?: string;
  readonly secret?: string;
  /** Unix seconds, or any text. */
  readonly timestamp?: number | string;
  readonly headers?: Record<string, string>;
}

/** The headers that the sender would send with a body. */
export function signedHeaders(
  body: string | Uint8Array,
  options: DeliveryOptions = {},
): Record<string, string> {
  const timestamp = String(options.timestamp ?? Math.floor(Date.now() / 1000));
  return {
    'Content-Type': 'application/json',
    'X-IRISX-Signature': generateSignature(body, options.secret ?? SECRET, timestamp),
    'X-IRISX-Timestamp': timestamp,
    ...options.headers,
  };
}

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

/** Signs and posts a body; an object is serialized first. */
export async function deliver(
  receiver: { readonly url: string },
  body: string | Uint8Array | object,
  options: DeliveryOptions = {},
): Promise<JsonAnswer> {
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return post(receiver, bytes, signedHeaders(bytes, options), options.path);
}

/** Posts a body with only the given headers. */
export async function post(
  receiver: { readonly url: string },
  body: string | Uint8Array,
  headers: Record<string, string>,
  path = '/webhooks',
): Promise<JsonAnswer> {
  const response = await fetch(receiver.url + path, { method: 'POST', headers, body: body as string });
  const json = (await response.json()) as Record<string, unknown>;
  if (response.status === 200) {
    const entry = { digest: digestOf(body), seq: json['seq'] as number, atMs: Date.now() };
    acknowledged.get(receiver.url)?.push(entry);
  }
  return { status: response.status, headers: response.headers, json };
}

/** Whether a text contains another one, or a match. */
export function contains(whole: string, part: string | RegExp): boolean {
  return typeof part === 'string' ? whole.includes(part) : part.test(whole);
}

/** Waits until `condition` holds, checking every 5 ms. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 10_000,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(5);
  }
}
