/**
 * Contestant (c), the usual first implementation: verifies, then runs one SQLite transaction per event on the HTTP
 * thread. It is as durable as this receiver: WAL with `synchronous=FULL`.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Sqlite from 'better-sqlite3';

const secret = process.env['WEBHOOK_SECRET'] ?? '';
const database = new Sqlite(process.env['DATABASE_PATH'] ?? 'one-by-one.db');
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec(`
  CREATE TABLE events (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, type TEXT, body TEXT NOT NULL);
  CREATE TABLE subjects (subject TEXT PRIMARY KEY, last_type TEXT, event_count INTEGER NOT NULL);
`);
const insert = database.prepare('INSERT OR IGNORE INTO events (digest, type, body) VALUES (?, ?, ?)');
const upsert = database.prepare(`
  INSERT INTO subjects (subject, last_type, event_count) VALUES (?, ?, 1)
  ON CONFLICT (subject) DO UPDATE SET last_type = excluded.last_type, event_count = event_count + 1`);
const record = database.transaction((body: Buffer, type: string, subject: string) => {
  const { changes, lastInsertRowid } = insert.run(
    createHash('sha256').update(body).digest(),
    type,
    body.toString(),
  );
  if (changes === 1) upsert.run(subject, type);
  return Number(lastInsertRowid);
});

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const timestamp = String(request.headers['x-irisx-timestamp']);
  const given = Buffer.from(String(request.headers['x-irisx-signature']), 'hex');
  const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return reply(response, 401, {});
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return reply(response, 401, {});
  const json = JSON.parse(body.toString()) as Record<string, unknown>;
  const data = (json['data'] ?? json) as Record<string, unknown>;
  const type = String(json['event'] ?? request.headers['x-irisx-event']);
  const subject = String(
    data['call_uuid'] ?? data['call_sid'] ?? data['call_id'] ?? data['message_id'] ?? data['message_sid'],
  );
  const seq = record(body, type, subject);
  reply(response, 200, { success: true, message: 'Webhook processed', event: type, seq });
}

function reply(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks)));
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on port ${(server.address() as AddressInfo).port}\n`);
});
