/**
 * Makes admin pages in a thread that is there only while somebody looks: it starts with the first page and ends after a
 * while without one. What happens in it cannot delay or end receiving.
 */

import type { Worker } from 'node:worker_threads';
import { PAGE_MS_MAX, PAGES_HEAP_BYTES, PAGES_IDLE_MS, PAGES_WAITING_MAX } from './core/limits.ts';
import type { Log } from './core/logger.ts';
import type { Page } from './core/page.ts';
import type { Snapshot } from './core/snapshot.ts';
import type { PageAnswer, PageAsked } from './pages-thread.ts';
import { startThread } from './threads.ts';

export interface Pages {
  /** Never rejects: what goes wrong is a page that says so. */
  make(path: string, query: string): Promise<Page>;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;
const FAILED = 'This page failed; the log says why.';

export function keepPages(databasePath: string, snapshot: () => Snapshot, log: Log): Pages {
  const waiting = new Map<number, (page: Page) => void>();
  let thread: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let lastId = 0;

  function started(): Worker {
    if (thread !== undefined) return thread;
    const mine = startThread('pages-thread', databasePath, {
      maxOldGenerationSizeMb: PAGES_HEAP_BYTES / MIB,
    });
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
      log('error', `the thread of the admin pages has ended: ${problem}; the next page starts another`);
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
    const unanswered = [...waiting.keys()]; // what is asked from here on is for another thread
    thread = undefined;
    await ending?.terminate();
    for (const id of unanswered) settle(id, failure(503, 'This page was given up: try again.'));
  }

  return {
    make(path, query) {
      if (waiting.size >= PAGES_WAITING_MAX)
        return Promise.resolve(failure(503, 'Too many pages are being made: try again in a moment.'));
      clearTimeout(idle);
      idle = setTimeout(() => void end(), PAGES_IDLE_MS);
      idle.unref();
      lastId += 1;
      const asked: PageAsked = { id: lastId, path, query, snapshot: snapshot() };
      const { id } = asked;
      started().postMessage(asked);
      return new Promise((resolve) => {
        const late = setTimeout(() => {
          log('warn', `an admin page took longer than ${PAGE_MS_MAX} ms and was given up: ${path}`);
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
