/** What is shown without the token: a form that asks for it, and the style sheet of all pages. Neither reads the log. */

import type { Page } from '../core/page.ts';
import { html } from './html.ts';
import { page } from './layout.ts';

/**
 * The form submits to the requested address and keeps its other parameters.
 * @param place where the token is, as the end of a sentence @param isWrong whether a wrong token was given
 */
export function askForToken(place: string, query: string, isWrong: boolean): Page {
  const others = [...new URLSearchParams(query)].filter(([name]) => name !== 'token');
  const main = html`<section><h2>These pages need a token</h2>
${isWrong && html`<p class="bad" role="alert">Wrong token.</p>`}
<p>The token is ${place}.</p>
<form method="get">
${others.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<label>Token <input type="password" name="token" required autofocus autocomplete="current-password"></label>
<button>Open</button>
</form>
</section>`;
  return {
    ...page({ title: 'Token', status: 401, main }),
    headers: { 'WWW-Authenticate': 'Bearer realm="IRISX webhook receiver"' }, // a browser shows no prompt for it
  };
}

/** System fonts, light and dark colors, no external resources. */
export const STYLE_SHEET: Page = {
  status: 200,
  contentType: 'text/css; charset=utf-8',
  body: `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --quiet: #5b6570; --line: #dde1e6; --link: #0b5cad;
  --good: #1a7f45; --bad: #b3261e; --warn: #8a5a00;
  --call: #2f6fd0; --sms: #1f9d78; --recording: #b06ad4; --other: #8b95a1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #111418; --card: #1a1f25; --text: #e6e9ed; --quiet: #9aa5b1; --line: #2e353d; --link: #7ab7ff;
    --good: #5fd08c; --bad: #ff8a80; --warn: #e8b44a;
    --call: #6ea3f5; --sms: #46c79e; --recording: #c993e8; --other: #76818d;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; padding-top: 1rem; }
header h1 { font-size: 1.2rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .6rem; }
h3 { font-size: .95rem; margin: 0 0 .4rem; }
h2 small, .quiet, footer { color: var(--quiet); font-weight: normal; font-size: .875rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: .75rem; }
[aria-current] { color: var(--text); font-weight: 600; text-decoration: none; }
main { display: grid; gap: 1rem; grid-template-columns: repeat(12, minmax(0, 1fr)); margin-top: 1rem; }
section { grid-column: span 12; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; min-width: 0; }
@media (min-width: 60rem) { .half { grid-column: span 6; } }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; }
.tiles dt { color: var(--quiet); font-size: .875rem; }
.tiles dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.tiles dd small { font-size: .875rem; color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--quiet); font-weight: 500; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.long { overflow-wrap: anywhere; min-width: 14rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
code, pre { font: .85rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; margin: 0; max-height: 40rem; overflow: auto; }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; margin-bottom: .75rem; }
label { display: grid; gap: .15rem; font-size: .875rem; color: var(--quiet); }
label.check { display: flex; align-items: center; padding-bottom: .35rem; }
input, button { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: .3rem; padding: .3rem .5rem; max-width: 100%; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
@media (max-width: 40rem) { svg text { font-size: 24px; } }
svg .grid { stroke: var(--line); }
.fill-call { fill: var(--call); } .fill-sms { fill: var(--sms); } .fill-recording { fill: var(--recording); } .fill-other { fill: var(--other); } .fill-uncounted { fill: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; padding: 0; margin: .5rem 0 0; font-size: .875rem; }
.legend svg { display: inline-block; width: .8rem; height: .8rem; vertical-align: -.05rem; margin-right: .35rem; }
meter { width: 100%; min-width: 4rem; height: .9rem; }
meter::-webkit-meter-optimum-value { background: var(--call); }
meter::-moz-meter-bar { background: var(--call); }
footer { padding-top: 1rem; padding-bottom: 2rem; }
`,
};
