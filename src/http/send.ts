/** Sends an answer. If the request is not fully read yet, the answer still arrives before the connection closes. */

import { LINGER_MS } from '../core/limits.ts';
import type { Answer } from './answers.ts';
import { type Exchange, mayHaveBody } from './exchange.ts';

/**
 * @param closes whether to close the connection in any case (shutdown)
 * @returns whether it was handed to the socket (lingering may take up to LINGER_MS more); false if the client is gone
 */
export function send(exchange: Exchange, answer: Answer, closes: boolean): boolean {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed || request.socket.destroyed) return false;
  const { body } = answer;
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify({ ...body, request_id: exchange.id });
  const isRead = request.complete || !mayHaveBody(request);

  const headers = [
    'Content-Type',
    isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
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
