/** Entry of the admin pages thread: reads the log, its tables and the handlers' state. Writes nothing. */

import { parentPort, workerData } from 'node:worker_threads';
import { lowerPriority, NICENESS } from '../core/low-priority.ts';
import type { Snapshot } from '../core/metrics/snapshot.ts';
import type { Page } from '../core/page.ts';
import { openReadOnly } from '../engines/sqlite/file/database.ts';
import { faultText } from '../engines/sqlite/file/storage-fault.ts';
import { createPages, type MakePage } from '../pages/index.ts';

export interface PageAsked {
  readonly id: number;
  /** Without query. */
  readonly path: string;
  readonly query: string;
  /** The state of the process. */
  readonly snapshot: Snapshot;
}

export type PageAnswer =
  | { readonly id: number; readonly page: Page }
  /** The page could not be made; the text is for the log. */
  | { readonly id: number; readonly problem: string };

if (parentPort === null) throw new Error('pages-thread must run as a worker thread');
const port = parentPort;
lowerPriority(NICENESS.reading); // pages must not take processor time from receiving
const databasePath = workerData as string;
let makePage: MakePage | undefined;

port.on('message', (asked: PageAsked) => {
  const answer: PageAnswer = answerTo(asked);
  port.postMessage(answer);
});

function answerTo({ id, path, query, snapshot }: PageAsked): PageAnswer {
  try {
    makePage ??= createPages({ database: openReadOnly(databasePath), databasePath, now: Date.now });
    return { id, page: makePage(path, query, snapshot) };
  } catch (error) {
    return { id, problem: faultText(error) };
  }
}
