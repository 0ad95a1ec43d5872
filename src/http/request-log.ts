/**
 * The request log: in text two lines a request, in JSON one object. Refused requests are logged up to a limit a
 * second and counted beyond it, so that a flood cannot fill the disk.
 */

import { LOGGED_REFUSALS_PER_SECOND_MAX } from '../core/limits.ts';
import { harmless, isoTime, type Log, type LogFormat } from '../core/logger.ts';
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

/** What is logged of a request; of one that could not be read there is no method, and `-` for its path. */
export type Logged = Pick<Exchange, 'id' | 'path' | 'client' | 'receivedAtMs' | 'startedMs'> & {
  readonly request?: Pick<Exchange['request'], 'method'>;
};

export type RequestLog = (logged: Logged, result: RequestResult) => void;

/** The answers that every delivery of the sender gets: never left out. */
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
      `${unlogged} more requests that recorded no delivery came within a second and are not logged`,
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
