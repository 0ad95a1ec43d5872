/** The admin pages by path. */

import type { Database } from 'better-sqlite3';
import { Explainer } from '../core/inspect/explain.ts';
import type { Snapshot } from '../core/metrics/snapshot.ts';
import type { Page } from '../core/page.ts';
import { EventLog } from '../engines/sqlite/log/event-log.ts';
import { EventSearch } from '../engines/sqlite/log/event-search.ts';
import { derivations } from '../projections/index.ts';
import { eventPage } from './event.ts';
import { eventsPage, eventTable } from './events.ts';
import { html } from './html.ts';
import { page } from './layout.ts';
import { createOverview } from './overview.ts';

export interface PagesOptions {
  /** A read-only connection. */
  readonly database: Database;
  readonly databasePath: string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

const LATEST_EVENTS = 15;

/** @param path without query */
export type MakePage = (path: string, query: string, snapshot: Snapshot) => Page;

export function createPages(options: PagesOptions): MakePage {
  const { database } = options;
  const log = new EventLog(database);
  const search = new EventSearch(database);
  const explainer = new Explainer(database, derivations.projections);
  const latest = () => eventTable(search.find({}, {}, LATEST_EVENTS).events);
  const overview = createOverview({ ...options, latest });

  return (path, query, snapshot) => {
    const parameters = new URLSearchParams(query);
    if (path === '/') return overview(parameters, snapshot);
    if (path === '/events') return eventsPage(search, parameters, snapshot);
    const seq = /^\/events\/([1-9]\d{0,14})$/.exec(path)?.[1];
    const found = seq === undefined ? undefined : eventPage(log, explainer, Number(seq), snapshot);
    return found ?? notFound(seq, snapshot);
  };
}

function notFound(seq: string | undefined, snapshot: Snapshot): Page {
  const text = seq === undefined ? 'This page does not exist.' : `Event ${seq} does not exist.`;
  const main = html`<section><h2>Not found</h2><p>${text} <a href="/">Overview</a></p></section>`;
  return page({ title: 'Not found', refreshes: false, snapshot, main, status: 404 });
}
