/**
 * The request log: two lines per request as text, or one JSON object. Refused requests are logged up to a limit per
 * second and only counted above it, so that a flood cannot fill the disk.
 */

import { LOGGED_REFUSALS_PER_SECOND_MAX } from '../core/limits.ts';
import { harmless, isoTime, type Log, type LogFormat } from '../core/logger.ts';
import { throttle } from '../core/throttle.ts';
import type { Exchange } from './exchange.ts';

export interface RequestLogOptions {
  readonly format: LogFormat;
  readonly log: Log;
  /** Writes one line, given without a line end; used for the two lines of the text format. */
  readonly write: (line: string) => void;
  readonly isQuiet: boolean;
  readonly monotonicMs: () => number;
}

/** The result of a request. `status` is 0 if the client left without an answer. */
export interface RequestResult {
  readonly status: number;
  readonly code: string;
  readonly detail?: string | undefined;
}

/** The logged part of a request. An unreadable request has no method, and its path is `-`. */
export type Logged = Pick<Exchange, 'id' | 'path' | 'client' | 'receivedAtMs' | 'startedMs'> & {
  readonly request?: Pick<Exchange['request'], 'method'>;
};

export type RequestLog = (logged: Logged, result: RequestResult) => void;

/** The codes of recorded deliveries, which are always logged. */
const RECORDED = new Set(['recorded', 'duplicate', 'unusable']);

export function createRequestLog(options: RequestLogOptions): RequestLog {
  const { log, write, monotonicMs } = options;
  const mayLogRefusal = throttle(LOGGED_REFUSALS_PER_SECOND_MAX, 1000, monotonicMs, (count) =>
    log(
      'warn',
      `${count} more requests that recorded no delivery arrived within a second and are not logged`,
    ),
  );

  return (logged, { status, code, detail }) => {
    if (options.isQuiet) return;
    if (!RECORDED.has(code) && !mayLogRefusal()) return;
    const ms = Math.round(monotonicMs() - logged.startedMs);
    const method = logged.request?.method ?? '-';
    const path = harmless(logged.path);
    if (options.format === 'json') {
      const fields = { request_id: logged.id, method, path, status, ms, code, client: logged.client };
      log('info', 'request', detail === undefined ? fields : { ...fields, detail });
      return;
    }
    const arrived = isoTime(logged.receivedAtMs);
    const answered = isoTime(logged.receivedAtMs + ms);
    write(`[${arrived}] ${logged.id} ${method} ${path}`);
    const outcome = status === 0 ? `aborted ${ms}ms` : `${status} ${ms}ms`;
    write(`[${answered}] ${logged.id} ${outcome} ${detail === undefined ? code : `${code} ${detail}`}`);
  };
}
