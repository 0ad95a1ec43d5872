/** Entry of the admin pages thread: reads the log, its tables and the handlers' state. Writes nothing. */

import { on } from 'node:events';
import { errorText } from '../core/engine-error.ts';
import { NICENESS } from '../core/low-priority.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { createPages, type MakePage } from '../pages/index.ts';
import { enterThread } from './entry.ts';
import type { ThreadData } from './thread.ts';

export interface PageAsked {
  readonly id: number;
  /** Without query. */
  readonly path: string;
  readonly query: string;
  /** The state of the process. */
  readonly processState: ProcessState;
}

export type PageAnswer =
  | { readonly id: number; readonly page: Page }
  /** The page could not be made; the text is for the log. */
  | { readonly id: number; readonly problem: string };

const { port, data, engine, send } = enterThread<ThreadData, PageAnswer>(NICENESS.reading); // receiving comes first
let makePage: MakePage | undefined;

for await (const [asked] of on(port, 'message')) send(await answerTo(asked as PageAsked)); // one at a time

async function answerTo({ id, path, query, processState }: PageAsked): Promise<PageAnswer> {
  try {
    makePage ??= createPages({ engine, reader: await engine.openReader(), ...data, now: Date.now });
    return { id, page: await makePage(path, query, processState) };
  } catch (error) {
    return { id, problem: errorText(error) };
  }
}
