/** The admin pages by path. */

import type { Engine } from '../core/engine/engine.ts';
import type { Reader } from '../core/engine/reader.ts';
import { findEvents } from '../core/inspect/event-search.ts';
import { Explainer } from '../core/inspect/explain.ts';
import type { Snapshot } from '../core/metrics/snapshot.ts';
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
export type MakePage = (path: string, query: string, snapshot: Snapshot) => Promise<Page>;

export function createPages(options: PagesOptions): MakePage {
  const { reader } = options;
  const explainer = new Explainer(reader, derivations.projections);
  const latest = async () => eventTable((await findEvents(reader, {}, {}, LATEST_EVENTS)).events);
  const overview = createOverview({ ...options, latest });

  return async (path, query, snapshot) => {
    const parameters = new URLSearchParams(query);
    if (path === '/') return overview(parameters, snapshot);
    if (path === '/events') return eventsPage(reader, parameters, snapshot);
    const seq = /^\/events\/([1-9]\d{0,14})$/.exec(path)?.[1];
    const found = seq === undefined ? undefined : await eventPage(reader, explainer, Number(seq), snapshot);
    return found ?? notFound(seq, snapshot);
  };
}

function notFound(seq: string | undefined, snapshot: Snapshot): Page {
  const text = seq === undefined ? 'This page does not exist.' : `Event ${seq} does not exist.`;
  const main = html`<section><h2>Not found</h2><p>${text} <a href="/">Overview</a></p></section>`;
  return page({ title: 'Not found', refreshes: false, snapshot, main, status: 404 });
}
