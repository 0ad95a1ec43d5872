/**
 * The request log: in text two lines a request, in JSON one object. Refused requests are logged up to a limit a
 * second and counted beyond it, so that a flood cannot fill the disk.
 */

import { LOGGED_REFUSALS_PER_SECOND_MAX } from '../core/limits.ts';
import { harmless, type Log, type LogFormat } from '../core/logger.ts';
import type { Exchange } from './exchange.ts';

export interface RequestLogOptions {
  readonly format: LogFormat;
  readonly log: Log;
  /** Takes one line without its end; used for the text format's own lines. */
  readonly write: (line: string) => void;
  readonly isQuiet: boolean;
  readonly monotonicMs: () => number;
}

/** What a request came to. `status` is 0 where the client went away without an answer. */
export interface RequestResult {
  readonly status: number;
  readonly code: string;
  readonly detail?: string | undefined;
}

export type RequestLog = (exchange: Exchange, result: RequestResult) => void;

/** The answers that every delivery of the sender gets: never left out. */
const RECORDED = new Set(['recorded', 'duplicate', 'unusable']);

export function createRequestLog(options: RequestLogOptions): RequestLog {
  const { log, write, monotonicMs } = options;
  let second = 0;
  let refusals = 0;

  function isSuppressed(code: string): boolean {
    const now = Math.floor(monotonicMs() / 1000);
    if (now !== second) {
      const left = refusals - LOGGED_REFUSALS_PER_SECOND_MAX;
      if (left > 0)
        log(
          'warn',
          `${left} more requests that recorded no delivery came within a second and are not logged`,
        );
      second = now;
      refusals = 0;
    }
    if (RECORDED.has(code)) return false;
    refusals += 1;
    return refusals > LOGGED_REFUSALS_PER_SECOND_MAX;
  }

  return (exchange, { status, code, detail }) => {
    if (options.isQuiet || isSuppressed(code)) return;
    const ms = Math.round(monotonicMs() - exchange.startedMs);
    const method = exchange.request.method ?? '-';
    const path = harmless(exchange.path);
    if (options.format === 'json') {
      const fields = { request_id: exchange.id, method, path, status, ms, code, client: exchange.client };
      log('info', 'request', detail === undefined ? fields : { ...fields, detail });
      return;
    }
    const arrived = new Date(exchange.receivedAtMs).toISOString();
    const answered = new Date(exchange.receivedAtMs + ms).toISOString();
    write(`[${arrived}] ${exchange.id} ${method} ${path}`);
    const outcome = status === 0 ? `aborted ${ms}ms` : `${status} ${ms}ms`;
    write(`[${answered}] ${exchange.id} ${outcome} ${detail === undefined ? code : `${code} ${detail}`}`);
  };
}
