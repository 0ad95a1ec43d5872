/** Entry of the admin pages thread: reads the log, its tables and the handlers' state. Writes nothing. */

import { on } from 'node:events';
import { errorText } from '../core/engine-error.ts';
import { NICENESS } from '../core/low-priority.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import { PAGE_FAILED, type Page } from '../core/page.ts';
import { createPages, type MakePage } from '../pages/index.ts';
import { enterThread } from './entry.ts';
import type { ThreadData } from './thread.ts';

/** The answers come in the order of the requests. */
export interface PageAsked {
  /** Without query. */
  readonly path: string;
  readonly query: string;
  /** The state of the process. */
  readonly processState: ProcessState;
}

export interface PageAnswer {
  readonly page: Page;
  /** Why the page could not be made, for the log. */
  readonly problem?: string;
}

const { port, data, engine, send } = enterThread<ThreadData, PageAnswer>(NICENESS.reading); // receiving comes first
let makePage: MakePage | undefined;

for await (const [asked] of on(port, 'message')) send(await answerTo(asked as PageAsked)); // one at a time

async function answerTo({ path, query, processState }: PageAsked): Promise<PageAnswer> {
  try {
    makePage ??= createPages({ engine, reader: await engine.openReader(), ...data, now: Date.now });
    return { page: await makePage(path, query, processState) };
  } catch (error) {
    return { page: PAGE_FAILED, problem: errorText(error) };
  }
}
