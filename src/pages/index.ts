/** The admin pages by path. */

import type { Engine } from '../core/engine/engine.ts';
import type { Reader } from '../core/engine/reader.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { eventContent } from './event.ts';
import { EventCounts } from './event-counts.ts';
import { eventsContent } from './events.ts';
import { html } from './html.ts';
import { type Content, page } from './layout.ts';
import { overviewContent } from './overview.ts';

export interface PagesOptions {
  readonly engine: Engine;
  readonly reader: Reader;
  /** Shown on the overview, if the database is a file. */
  readonly databasePath?: string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

/** Call it for one page after another. @param path without query */
export type MakePage = (path: string, query: string, state: ProcessState) => Promise<Page>;

export function createPages(options: PagesOptions): MakePage {
  const { reader } = options;
  const eventCounts = new EventCounts(reader);

  async function contentOf(path: string, query: URLSearchParams, state: ProcessState): Promise<Content> {
    if (path === '/') return overviewContent(options, eventCounts, query, state);
    if (path === '/events') return eventsContent(reader, query);
    const seq = /^\/events\/([1-9]\d{0,14})$/.exec(path)?.[1];
    const content = seq === undefined ? undefined : await eventContent(reader, Number(seq));
    if (content !== undefined) return content;
    const text = seq === undefined ? 'This page does not exist.' : `Event ${seq} does not exist.`;
    const main = html`<section><h2>Not found</h2><p>${text} <a href="/">Overview</a></p></section>`;
    return { title: 'Not found', main, status: 404 };
  }

  return async (path, query, state) => page(await contentOf(path, new URLSearchParams(query), state), state);
}
