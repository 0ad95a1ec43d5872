/**
 * The request log: two lines per request as text, or one JSON object. Refused requests are logged up to a limit per
 * second and only counted above it, so that a flood cannot fill the disk.
 */

import { LOGGED_REFUSALS_PER_SECOND_MAX } from '../core/limits.ts';
import { harmless, isoTime, LOG_LEVELS } from '../core/logger.ts';
import { throttle } from '../core/throttle.ts';
import type { Answer } from './answers.ts';
import type { Exchange } from './exchange.ts';
import type { HttpOptions } from './options.ts';

/** The logged part of a request. An unreadable request has no method, and its path is `-`. */
export type Logged = Pick<Exchange, 'id' | 'path' | 'client' | 'receivedAtMs' | 'startedMs'> & {
  readonly request?: Pick<Exchange['request'], 'method'>;
};

/** @returns a function that logs the result of a request. Its `status` is 0 if the client left without an answer. */
export function createRequestLog({ logFormat, logLevel, log, writeLine, monotonicMs }: HttpOptions) {
  const isQuiet = LOG_LEVELS.indexOf(logLevel) > LOG_LEVELS.indexOf('info');
  const mayLogRefusal = throttle(LOGGED_REFUSALS_PER_SECOND_MAX, 1000, monotonicMs, (count) =>
    log(
      'warn',
      `${count} more requests that recorded no delivery arrived within a second and are not logged`,
    ),
  );

  return (logged: Logged, answer: Pick<Answer, 'status' | 'code' | 'detail' | 'type'>): void => {
    if (isQuiet) return;
    const { status, code, detail, type } = answer;
    if (type === undefined && !mayLogRefusal()) return; // a delivery in the log is always logged
    const ms = Math.round(monotonicMs() - logged.startedMs);
    const method = logged.request?.method ?? '-';
    const path = harmless(logged.path);
    if (logFormat === 'json') {
      const fields = { request_id: logged.id, method, path, status, ms, code, client: logged.client, detail };
      return log('info', 'request', fields);
    }
    const arrived = isoTime(logged.receivedAtMs);
    const answered = isoTime(logged.receivedAtMs + ms);
    writeLine(`[${arrived}] ${logged.id} ${method} ${path}`);
    const outcome = status === 0 ? `aborted ${ms}ms` : `${status} ${ms}ms`;
    writeLine(`[${answered}] ${logged.id} ${outcome} ${detail === undefined ? code : `${code} ${detail}`}`);
  };
}
