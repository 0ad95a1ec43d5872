/** Entry of the admin pages thread: reads the log, its tables and the handlers' state. Writes nothing. */

import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../core/engine-error.ts';
import { lowerPriority, NICENESS } from '../core/low-priority.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { Turns } from '../core/turns.ts';
import { engineOf } from '../engines/engine-of.ts';
import { createPages, type MakePage } from '../pages/index.ts';
import { derivations } from '../projections/index.ts';

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

if (parentPort === null) throw new Error('pages-thread must run as a worker thread');
const port = parentPort;
lowerPriority(NICENESS.reading); // pages must not take processor time from receiving
const databasePath = workerData as string;
const engine = engineOf(databasePath, derivations);
let makePage: MakePage | undefined;
const turns = new Turns((error) => {
  throw error;
});

port.on('message', (asked: PageAsked) => {
  void turns.take(async () => port.postMessage(await answerTo(asked)));
});

async function answerTo({ id, path, query, processState }: PageAsked): Promise<PageAnswer> {
  try {
    makePage ??= createPages({ engine, reader: await engine.openReader(), databasePath, now: Date.now });
    return { id, page: await makePage(path, query, processState) };
  } catch (error) {
    return { id, problem: errorText(error) };
  }
}
