/**
 * The request log: two lines per request as text, or one JSON object. Refused requests are logged up to a limit per
 * second and only counted above it, so that a flood cannot fill the disk.
 */

import { LOGGED_REFUSALS_PER_SECOND_MAX } from '../core/limits.ts';
import { harmless, isoTime, type Log, type LogFormat } from '../core/logger.ts';
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
  let second = 0;
  let refusals = 0;
  let unlogged = 0;

  function isSuppressed(code: string): boolean {
    if (RECORDED.has(code)) return false;
    const now = Math.floor(monotonicMs() / 1000);
    if (now !== second) refusals = 0;
    second = now;
    refusals += 1;
    if (refusals <= LOGGED_REFUSALS_PER_SECOND_MAX) return false;
    if (unlogged === 0) setTimeout(tellUnlogged, 1000).unref();
    unlogged += 1;
    return true;
  }

  function tellUnlogged(): void {
    log(
      'warn',
      `${unlogged} more requests that recorded no delivery arrived within a second and are not logged`,
    );
    unlogged = 0;
  }

  return (logged, { status, code, detail }) => {
    if (options.isQuiet || isSuppressed(code)) return;
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
