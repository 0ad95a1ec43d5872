/**
 * Makes admin pages in a thread that exists only while they are used: it starts with the first page and ends after some
 * time without requests. Nothing in it can delay or stop receiving.
 */

import { PAGE_MS_MAX, PAGES_HEAP_BYTES, PAGES_IDLE_MS, PAGES_WAITING_MAX } from '../core/limits.ts';
import type { Log } from '../core/logger.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import type { Thread } from '../core/thread.ts';
import type { PageAnswer, PageAsked } from './pages-thread.ts';
import { openThread } from './thread.ts';

const FAILED = 'This page failed; see the log for the reason.';

export function keepPages(databasePath: string, processState: () => ProcessState, log: Log) {
  const waiting = new Map<number, (page: Page) => void>();
  let thread: Thread<PageAsked> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let lastId = 0;

  function start(): Thread<PageAsked> {
    return openThread(
      'pages-thread',
      { databasePath },
      {
        onMessage(answer: PageAnswer) {
          if ('problem' in answer) log('error', `an admin page failed: ${answer.problem}`);
          finish(answer.id, 'page' in answer ? answer.page : failure(500, FAILED));
        },
        onEnd(error = 'it ended') {
          thread = undefined;
          log('error', `the admin pages thread has ended: ${error}; the next page starts a new one`);
          for (const id of waiting.keys()) finish(id, failure(500, FAILED));
        },
      },
      PAGES_HEAP_BYTES,
    );
  }

  function finish(id: number, page: Page): void {
    waiting.get(id)?.(page);
    waiting.delete(id);
  }

  async function end(): Promise<void> {
    clearTimeout(idle);
    const ending = thread;
    const unanswered = [...waiting.keys()]; // later requests go to a new thread
    thread = undefined;
    await ending?.close();
    for (const id of unanswered) finish(id, failure(503, 'This page was aborted: try again.'));
  }

  return {
    /** Never rejects: an error gives a page that reports it. */
    async make(path: string, query: string): Promise<Page> {
      if (waiting.size >= PAGES_WAITING_MAX)
        return failure(503, 'Too many pages are being made: try again in a moment.');
      clearTimeout(idle);
      idle = setTimeout(end, PAGES_IDLE_MS);
      const late = setTimeout(() => {
        log('warn', `an admin page took longer than ${PAGE_MS_MAX} ms and was aborted: ${path}`);
        void end();
      }, PAGE_MS_MAX);
      lastId += 1;
      const { promise, resolve } = Promise.withResolvers<Page>();
      waiting.set(lastId, resolve);
      thread ??= start();
      thread.send({ id: lastId, path, query, processState: processState() });
      return promise.finally(() => clearTimeout(late));
    },
    close: end,
  };
}

function failure(status: number, line: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}
