/** The admin pages by path. */

import type { Engine } from '../core/engine/engine.ts';
import type { Reader } from '../core/engine/reader.ts';
import { findEvents } from '../core/inspect/event-search.ts';
import { Explainer } from '../core/inspect/explain.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { derivations } from '../projections/index.ts';
import { eventPage } from './event.ts';
import { eventsPage, eventTable } from './events.ts';
import { html } from './html.ts';
import { page } from './layout.ts';
import { createOverview } from './overview.ts';

export interface PagesOptions {
  readonly engine: Engine;
  readonly reader: Reader;
  /** Shown on the overview, if the database is a file. */
  readonly databasePath?: string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

const LATEST_EVENTS = 15;

/** Call it for one page after another. @param path without query */
export type MakePage = (path: string, query: string, processState: ProcessState) => Promise<Page>;

export function createPages(options: PagesOptions): MakePage {
  const { reader } = options;
  const explainer = new Explainer(reader, derivations.projections);
  const latest = async () => eventTable((await findEvents(reader, {}, {}, LATEST_EVENTS)).events);
  const overview = createOverview({ ...options, latest });

  return async (path, query, processState) => {
    const parameters = new URLSearchParams(query);
    if (path === '/') return overview(parameters, processState);
    if (path === '/events') return eventsPage(reader, parameters, processState);
    const seq = /^\/events\/([1-9]\d{0,14})$/.exec(path)?.[1];
    const found =
      seq === undefined ? undefined : await eventPage(reader, explainer, Number(seq), processState);
    return found ?? notFound(seq, processState);
  };
}

function notFound(seq: string | undefined, processState: ProcessState): Page {
  const text = seq === undefined ? 'This page does not exist.' : `Event ${seq} does not exist.`;
  const main = html`<section><h2>Not found</h2><p>${text} <a href="/">Overview</a></p></section>`;
  return page({ title: 'Not found', refreshes: false, processState, main, status: 404 });
}
