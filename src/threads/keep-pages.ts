/**
 * Makes admin pages in a thread that exists only while they are used: it starts with the first page and ends after some
 * time without requests. Nothing in it can delay or stop receiving.
 */

import { PAGE_MS_MAX, PAGES_HEAP_BYTES, PAGES_IDLE_MS, PAGES_WAITING_MAX } from '../core/limits.ts';
import type { Log } from '../core/logger.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import { PAGE_FAILED, type Page, textPage } from '../core/page.ts';
import type { Thread } from '../core/thread.ts';
import type { PageAnswer, PageAsked } from './pages-thread.ts';
import { openThread } from './thread.ts';

export function keepPages(databasePath: string, processState: () => ProcessState, log: Log) {
  let thread: Thread<PageAsked> | undefined;
  /** The pages that it is asked for. It answers in the order of the requests. */
  let unanswered: ((page: Page) => void)[] = [];
  /** With those of threads that are being ended. */
  let waiting = 0;
  let idle: NodeJS.Timeout | undefined;

  function start(): Thread<PageAsked> {
    return openThread(
      'pages-thread',
      { databasePath },
      {
        onMessage({ page, problem }: PageAnswer) {
          if (problem !== undefined) log('error', `an admin page failed: ${problem}`);
          unanswered.shift()?.(page);
        },
        onEnd(error = 'it ended') {
          thread = undefined;
          log('error', `the admin pages thread has ended: ${error}; the next page starts a new one`);
          for (const answer of unanswered.splice(0)) answer(PAGE_FAILED);
        },
      },
      PAGES_HEAP_BYTES,
    );
  }

  async function end(): Promise<void> {
    clearTimeout(idle);
    const ending = thread;
    const aborted = unanswered; // later requests go to a new thread
    thread = undefined;
    unanswered = [];
    await ending?.close();
    for (const answer of aborted) answer(textPage(503, 'This page was aborted: try again.'));
  }

  return {
    /** Never rejects: an error gives a page that reports it. */
    async make(path: string, query: string): Promise<Page> {
      if (waiting >= PAGES_WAITING_MAX)
        return textPage(503, 'Too many pages are being made: try again in a moment.');
      clearTimeout(idle);
      idle = setTimeout(end, PAGES_IDLE_MS);
      const late = setTimeout(() => {
        log('warn', `an admin page took longer than ${PAGE_MS_MAX} ms and was aborted: ${path}`);
        void end();
      }, PAGE_MS_MAX);
      waiting += 1;
      const { promise, resolve } = Promise.withResolvers<Page>();
      unanswered.push(resolve);
      thread ??= start();
      thread.send({ path, query, processState: processState() });
      return promise.finally(() => {
        waiting -= 1;
        clearTimeout(late);
      });
    },
    close: end,
  };
}
