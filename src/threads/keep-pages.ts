/**
 * Makes admin pages in a thread that exists only while they are used: it starts with the first page and ends after some
 * time without requests. Nothing in it can delay or stop receiving.
 */

import type { Worker } from 'node:worker_threads';
import { PAGE_MS_MAX, PAGES_HEAP_BYTES, PAGES_IDLE_MS, PAGES_WAITING_MAX } from '../core/limits.ts';
import type { Log } from '../core/logger.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import type { PageAnswer, PageAsked } from './pages-thread.ts';
import { startThread } from './threads.ts';

export interface Pages {
  /** Never rejects: an error gives a page that reports it. */
  make(path: string, query: string): Promise<Page>;
  close(): Promise<void>;
}

const FAILED = 'This page failed; see the log for the reason.';

export function keepPages(databasePath: string, processState: () => ProcessState, log: Log): Pages {
  const waiting = new Map<number, (page: Page) => void>();
  let thread: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let lastId = 0;

  function started(): Worker {
    if (thread !== undefined) return thread;
    const mine = startThread('pages-thread', databasePath, PAGES_HEAP_BYTES);
    let problem = 'it ended';
    mine.on('message', (answer: PageAnswer) => {
      if ('page' in answer) return settle(answer.id, answer.page);
      log('error', `an admin page failed: ${answer.problem}`);
      return settle(answer.id, failure(500, FAILED));
    });
    mine.on('error', (error) => {
      problem = error.message;
    });
    mine.on('exit', () => {
      if (thread !== mine) return;
      thread = undefined;
      log('error', `the admin pages thread has ended: ${problem}; the next page starts a new one`);
      for (const id of waiting.keys()) settle(id, failure(500, FAILED));
    });
    mine.unref();
    thread = mine;
    return mine;
  }

  function settle(id: number, page: Page): void {
    waiting.get(id)?.(page);
    waiting.delete(id);
  }

  async function end(): Promise<void> {
    clearTimeout(idle);
    const ending = thread;
    const unanswered = [...waiting.keys()]; // later requests go to a new thread
    thread = undefined;
    await ending?.terminate();
    for (const id of unanswered) settle(id, failure(503, 'This page was aborted: try again.'));
  }

  return {
    make(path, query) {
      if (waiting.size >= PAGES_WAITING_MAX)
        return Promise.resolve(failure(503, 'Too many pages are being made: try again in a moment.'));
      clearTimeout(idle);
      idle = setTimeout(() => void end(), PAGES_IDLE_MS);
      idle.unref();
      lastId += 1;
      const asked: PageAsked = { id: lastId, path, query, processState: processState() };
      const { id } = asked;
      started().postMessage(asked);
      return new Promise((resolve) => {
        const late = setTimeout(() => {
          log('warn', `an admin page took longer than ${PAGE_MS_MAX} ms and was aborted: ${path}`);
          void end();
        }, PAGE_MS_MAX);
        waiting.set(id, (page) => {
          clearTimeout(late);
          resolve(page);
        });
      });
    },
    close: end,
  };
}

function failure(status: number, line: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}
