/** The layout of every page: header, navigation and footer. */

import { PAGE_REFRESH_S } from '../core/limits.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { duration } from './format.ts';
import { type Html, html } from './html.ts';

export interface Content {
  readonly title: string;
  readonly main: Html;
  readonly status?: number;
  /** Whether the page reloads itself, with the same filter. */
  readonly refreshes?: boolean;
}

/** @param state of the receiver; a page without it has no navigation either */
export function page({ title, main, status = 200, refreshes = false }: Content, state?: ProcessState): Page {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refreshes && html`<meta http-equiv="refresh" content="${PAGE_REFRESH_S}">`}
<title>${title} · IRISX webhook receiver</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,">
</head>
<body>
<header>
<h1>IRISX webhook receiver</h1>
${
  state &&
  html`<nav aria-label="Pages"><a href="/">Overview</a> <a href="/events">Events</a> <a href="/metrics">Metrics</a></nav>
<span>${summary(state)} <span class="quiet">for ${duration(state.uptimeS)}</span></span>`
}
</header>
<main>${main}</main>
${state && html`<footer>Times and days are UTC. ${refreshes && `This page reloads every ${PAGE_REFRESH_S} s.`}</footer>`}
</body>
</html>
`;
  return { status, contentType: 'text/html; charset=utf-8', body: document.markup };
}

function summary({ isDraining, storage, lagging }: ProcessState): Html {
  if (isDraining) return html`<strong class="warn">shutting down</strong>`;
  if (storage !== 'ok') return html`<strong class="bad">storage ${storage}: deliveries are refused</strong>`;
  if (lagging.length > 0)
    return html`<strong class="warn">up; tables being rebuilt: ${lagging.join(', ')}</strong>`;
  return html`<strong class="good">up</strong>`;
}
