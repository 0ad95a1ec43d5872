/** Sends answers, so that they arrive even if the request is not fully read or cannot be parsed. */

import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { LINGER_MS } from '../core/limits.ts';
import type { Answer } from './answers.ts';
import type { Exchange } from './exchange.ts';

/**
 * @param closes whether to close the connection in any case (shutdown)
 * @returns whether it was handed to the socket (lingering may take up to LINGER_MS more); false if the client is gone
 */
export function send(exchange: Exchange, answer: Answer, closes: boolean): boolean {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed || request.socket.destroyed) return false;
  const text = textOf(answer, exchange.id);
  const isRead = request.complete || !mayHaveBody(request);

  const headers = [
    'Content-Type',
    typeof answer.body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(text)),
    'X-Request-Id',
    exchange.id,
  ];
  if (closes || !isRead) headers.push('Connection', 'close');
  for (const name in answer.headers) headers.push(name, answer.headers[name] ?? '');
  response.writeHead(answer.status, headers);
  if (request.method === 'HEAD') response.end();
  else if (isRead || closes) response.end(text);
  else {
    response.write(text);
    linger(exchange);
  }
  return true;
}

/** Answers, without a response of node:http, a request that it cannot parse, and closes the connection. */
export function sendRaw(socket: Socket, answer: Answer, id: string): void {
  const text = textOf(answer, id);
  socket.end(
    [
      `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(text)}`,
      `X-Request-Id: ${id}`,
      'Connection: close',
      '',
      text,
    ].join('\r\n'),
    () => socket.destroySoon(),
  );
}

function textOf({ body }: Answer, id: string): string {
  return typeof body === 'string' ? body : JSON.stringify({ ...body, request_id: id });
}

/** Whether a request has or may have a body, whose end must be awaited. */
function mayHaveBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/**
 * Reads and drops the rest of the request, so that a client that is still sending gets its answer instead of a reset.
 * Then ends the answer, which makes node:http close the connection.
 */
function linger({ request, response }: Exchange): void {
  const end = () => {
    clearTimeout(timer);
    request.off('end', end).off('close', end);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.on('end', end).on('close', end).on('error', end);
  request.resume();
}
