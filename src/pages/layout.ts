/** The layout of every page: header, navigation and footer. */

import { PAGE_REFRESH_S } from '../core/limits.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { duration } from './format.ts';
import { type Html, html } from './html.ts';

export interface Layout {
  readonly title: string;
  /** Whether the page reloads itself, with the same filter. */
  readonly refreshes: boolean;
  readonly processState: ProcessState;
  readonly main: Html;
  readonly status?: number;
}

export function page({ title, refreshes, processState, main, status = 200 }: Layout): Page {
  return documentPage({
    title,
    status,
    head: refreshes && html`<meta http-equiv="refresh" content="${PAGE_REFRESH_S}">`,
    top: html`<nav aria-label="Pages"><a href="/">Overview</a> <a href="/events">Events</a> <a href="/metrics">Metrics</a></nav>
<span>${state(processState)} <span class="quiet">for ${duration(processState.uptimeS)}</span></span>`,
    main,
    foot: html`<footer>Times and days are UTC. ${refreshes && `This page reloads every ${PAGE_REFRESH_S} s.`}</footer>`,
  });
}

interface Parts {
  readonly title: string;
  readonly status: number;
  readonly head?: Html | false;
  readonly top?: Html;
  readonly main: Html;
  readonly foot?: Html;
}

/** A page that does not show the state of the receiver. */
export function documentPage({ title, status, head, top, main, foot }: Parts): Page {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${head}
<title>${title} · IRISX webhook receiver</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,">
</head>
<body>
<header>
<h1>IRISX webhook receiver</h1>
${top}
</header>
<main>${main}</main>
${foot}
</body>
</html>
`;
  return { status, contentType: 'text/html; charset=utf-8', body: document.markup };
}

function state({ isDraining, storage, lagging }: ProcessState): Html {
  if (isDraining) return html`<strong class="warn">shutting down</strong>`;
  if (storage !== 'ok') return html`<strong class="bad">storage ${storage}: deliveries are refused</strong>`;
  if (lagging.length > 0)
    return html`<strong class="warn">up; tables being rebuilt: ${lagging.join(', ')}</strong>`;
  return html`<strong class="good">up</strong>`;
}
