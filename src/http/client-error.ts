/**
 * Answers requests that node:http cannot parse or that take too long: 400, 408, 413 or 431, with a request id like
 * every answer. Earlier valid requests on the same connection are answered first.
 */

import type { Socket } from 'node:net';
import { type RefusalCode, refuse } from './answers.ts';
import { type Exchange, newRequestId } from './exchange.ts';

const CODES: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** The answer that was sent, and its request id. */
export interface Answered {
  readonly id: string;
  readonly status: number;
  readonly code: RefusalCode;
}

/**
 * @param open the exchange of the broken request, if there is one yet
 * @returns undefined if the client can no longer receive an answer
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  open: Exchange | undefined,
): Answered | undefined {
  if (error.code === 'ECONNRESET' || !socket.writable || open?.response.headersSent) {
    socket.destroy();
    return undefined;
  }
  const code = CODES[error.code ?? ''] ?? 'malformed_request';
  const answer = refuse(code);
  const id = open?.id ?? newRequestId();
  const text = JSON.stringify({ ...(answer.body as object), request_id: id });
  if (open !== undefined) open.rawStatus = answer.status;
  socket.end(
    [
      `HTTP/1.1 ${answer.status} ${(answer.body as { error: string }).error}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(text)}`,
      `X-Request-Id: ${id}`,
      'Connection: close',
      '',
      text,
    ].join('\r\n'),
    () => socket.destroySoon(),
  );
  return { id, status: answer.status, code };
}
