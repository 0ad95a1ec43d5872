/** The entry of the thread that makes admin pages: reads the log, its tables and the state of the handlers, writes nothing. */

import { parentPort, workerData } from 'node:worker_threads';
import { openReadOnly } from './core/database.ts';
import { lowerPriority, NICENESS } from './core/low-priority.ts';
import type { Page } from './core/page.ts';
import type { Snapshot } from './core/snapshot.ts';
import { createPages } from './pages/index.ts';

export interface PageAsked {
  readonly id: number;
  /** Without query. */
  readonly path: string;
  readonly query: string;
  /** What the process knows of itself. */
  readonly snapshot: Snapshot;
}

export interface PageAnswer {
  readonly id: number;
  readonly page: Page;
}

if (parentPort === null) throw new Error('pages-thread runs as a thread only');
const port = parentPort;
lowerPriority(NICENESS.reading); // who looks at pages must not take the processor from receiving
const databasePath = workerData as string;
const pages = createPages({ database: openReadOnly(databasePath), databasePath, now: Date.now });
port.on('message', ({ id, path, query, snapshot }: PageAsked) => {
  const answer: PageAnswer = { id, page: pages(path, query, snapshot) };
  port.postMessage(answer);
});
