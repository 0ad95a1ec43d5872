/** A raw HTTP connection: sends any bytes, reads the answers one by one, and reports how the connection ended. */

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type DeliveryOptions, type JsonAnswer, signedHeaders } from './receiver.ts';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How the connection ended: properly, or by a reset. */
export type Ending = 'end' | 'reset';

export interface RawConnection {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /**
   * The next answer, which may be `100 Continue`.
   * @param isHead whether the answer is for a HEAD request and has no body
   * @throws Error if the connection ends before the answer is complete
   */
  next(isHead?: boolean): Promise<RawAnswer>;
  /** All remaining answers until the server ends the connection, which must not be by a reset. */
  rest(): Promise<RawAnswer[]>;
  readonly ended: Promise<Ending>;
  /** Received bytes that do not yet belong to an answer. */
  unread(): string;
  close(): void;
}

/** Longer than all timeouts of the server. If it neither answers nor closes for this long, it forgot the connection. */
const SILENCE_MS = 15_000;

/**
 * Resolves when the connection is open.
 * @param localAddress the address to connect from, for instance 127.0.0.2
 */
export async function openRaw(port: number, localAddress?: string): Promise<RawConnection> {
  const from = localAddress === undefined ? {} : { localAddress };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...from });
  let received = '';
  let ending: Ending | undefined;
  let wake: () => void = () => {};

  const ended = new Promise<Ending>((resolve) => {
    let how: Ending = 'end';
    socket.on('error', () => {
      how = 'reset';
    });
    // Only now is it certain that bytes still being sent have arrived.
    socket.on('close', () => {
      ending = how;
      resolve(how);
      wake();
    });
  });
  socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('silence')));
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    wake();
  });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });

  async function next(isHead = false): Promise<RawAnswer> {
    for (;;) {
      const parsed = parseAnswer(received, isHead);
      if (parsed !== undefined) {
        received = received.slice(parsed.length);
        return parsed.answer;
      }
      if (ending !== undefined)
        throw new Error(`the connection ended (${ending}) after ${JSON.stringify(received)}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    next,
    async rest() {
      assert.equal(await ended, 'end');
      const answers: RawAnswer[] = [];
      while (received !== '') answers.push(await next());
      return answers;
    },
    ended,
    unread: () => received,
    close: () => void socket.destroy(),
  };
}

/** Sends bytes on a new connection, reads one answer, and closes the connection. */
export async function askRaw(port: number, bytes: string | Uint8Array): Promise<RawAnswer> {
  const connection = await openRaw(port);
  connection.send(bytes);
  const answer = await connection.next();
  connection.close();
  return answer;
}

/** Sends bytes on a new connection and reads answers until the server ends it. */
export async function exchangeRaw(port: number, bytes: string | Uint8Array): Promise<RawAnswer[]> {
  const connection = await openRaw(port);
  connection.send(bytes);
  const answers = await connection.rest();
  connection.close();
  return answers;
}

/** Sends a delivery except for the end of its body, once the server has asked for the body. `finish` sends the rest. */
export async function openHalfSent(
  port: number,
  body: string,
  lines: readonly string[] = [],
): Promise<{ half: RawConnection; finish: () => void }> {
  const half = await openRaw(port);
  const text = signedRequest(body, { lines: [...lines, 'Expect: 100-continue'] });
  half.send(text.slice(0, -5));
  assert.equal((await half.next()).status, 100);
  return { half, finish: () => half.send(text.slice(-5)) };
}

/** The lines of the headers that the sender would send with a body. */
export function signedLines(body: string, options: DeliveryOptions = {}): string[] {
  return Object.entries(signedHeaders(body, options)).map(([name, value]) => `${name}: ${value}`);
}

/** A signed POST as text; `lines` are further headers, which follow those of the sender. */
export function signedRequest(
  body: string,
  options: DeliveryOptions & { lines?: readonly string[] } = {},
): string {
  const { lines = [], path = '/webhooks' } = options;
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return request(`POST ${path} HTTP/1.1`, [...signedLines(body, options), ...lines, length], body);
}

/** A POST with well-formed headers that anybody can forge; `lines` say how long its body is. */
export function forgedRequest(lines: readonly string[], body = ''): string {
  const timestamp = Math.floor(Date.now() / 1000);
  const forged = [`X-IRISX-Signature: ${'0'.repeat(64)}`, `X-IRISX-Timestamp: ${timestamp}`];
  return request('POST /webhooks HTTP/1.1', [...forged, ...lines], body);
}

/** A request as text, with a Host. */
export function request(line: string, headers: readonly string[] = [], body = ''): string {
  return [line, 'Host: localhost', ...headers, '', body].join('\r\n');
}

/** Checks that an answer has an id and its JSON body repeats it. @returns the other members of the body */
export function membersOf(answer: RawAnswer | JsonAnswer): Record<string, unknown> {
  const headers = answer.headers instanceof Headers ? Object.fromEntries(answer.headers) : answer.headers;
  const json = 'json' in answer ? answer.json : (JSON.parse(answer.body) as Record<string, unknown>);
  const { request_id, ...members } = json;
  assert.ok(request_id, `no request_id: ${JSON.stringify(answer)}`);
  assert.equal(request_id, headers['x-request-id']);
  assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  return members;
}

function parseAnswer(text: string, isHead: boolean): { answer: RawAnswer; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(statusLine)?.[1];
  assert.ok(status, `no status line: ${statusLine}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const hasBody = !isHead && Number(status) >= 200;
  if (hasBody) assert.ok(headers['content-length'], `no Content-Length: ${text.slice(0, headEnd)}`);
  const bodyStart = headEnd + 4;
  const length = bodyStart + (hasBody ? Number(headers['content-length']) : 0);
  if (text.length < length) return undefined;
  const body = Buffer.from(text.slice(bodyStart, length), 'latin1').toString('utf8');
  return { answer: { status: Number(status), headers, body }, length };
}
