/** What is shown without the token: a form that asks for it, and the style sheet. Neither reads the log. */

import type { Page } from '../core/page.ts';
import { html } from './html.ts';
import { page } from './layout.ts';
import { STYLE } from './style.ts';

export const STYLE_SHEET: Page = { status: 200, contentType: 'text/css; charset=utf-8', body: STYLE };

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
