/** The events page: newest first, with a filter and paging. */

import type { FoundEvent, Reader } from '../core/engine/reader.ts';
import { DOCUMENTED_TYPES } from '../core/event/event-types.ts';
import { type Found, findEvents } from '../core/inspect/event-search.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import { time, whole } from './format.ts';
import { foreignShort, type Html, html } from './html.ts';
import { page } from './layout.ts';

const EVENTS_A_PAGE = 50;
const TYPE_CHARS_MAX = 60;
const FAILURE_CHARS_MAX = 120;
const FILTER_CHARS_MAX = 256;

/** @param query its parameters `type`, `subject`, `failed` and `before` are used */
export async function eventsPage(
  reader: Reader,
  query: URLSearchParams,
  processState: ProcessState,
): Promise<Page> {
  const given = (name: string) => query.get(name)?.trim().slice(0, FILTER_CHARS_MAX) || undefined;
  const filter = { type: given('type'), subject: given('subject'), failedOnly: query.get('failed') === '1' };
  const before = /^[1-9]\d{0,14}$/.exec(query.get('before') ?? '')?.[0];
  const found = await findEvents(
    reader,
    filter,
    { before: before === undefined ? undefined : Number(before) },
    EVENTS_A_PAGE,
  );
  const main = html`
<section>
<h2>Events</h2>
<form action="/events">
<label>type <input name="type" list="types" value="${filter.type}" placeholder="call.failed, sms.*"></label>
<datalist id="types">${['call.*', 'sms.*', 'recording.*', ...DOCUMENTED_TYPES].map((type) => html`<option value="${type}">`)}</datalist>
<label>subject <input name="subject" value="${filter.subject}" placeholder="an id or a phone number"></label>
<label class="check"><input type="checkbox" name="failed" value="1"${filter.failedOnly && html` checked`}> only failures</label>
<button>Show</button>
</form>
${eventTable(found.events)}
${further(found, query)}
</section>`;
  return page({ title: 'Events', refreshes: before === undefined, processState, main });
}

export function eventTable(events: readonly FoundEvent[]): Html {
  if (events.length === 0) return html`<p class="quiet">None found.</p>`;
  const row = ({ seq, type, receivedAtMs, path, bodyBytes, failure }: FoundEvent) => html`<tr>
<td class="number"><a href="/events/${seq}">${seq}</a></td>
<td class="time">${time(receivedAtMs)}</td>
<td>${type === null ? html`<span class="quiet">none</span>` : foreignShort(type, TYPE_CHARS_MAX)}</td>
<td>${path}</td>
<td class="number">${whole(bodyBytes)}</td>
<td class="long bad">${failure !== null && foreignShort(failure, FAILURE_CHARS_MAX)}</td></tr>`;
  return html`<div class="scroll"><table>
<thead><tr><th class="number">seq</th><th>received</th><th>type</th><th>path</th><th class="number">bytes</th><th>failure</th></tr></thead>
<tbody>${events.map(row)}</tbody></table></div>`;
}

/** The link to older events. If the search reached its limit, the link continues it. */
function further({ before, events }: Found, query: URLSearchParams): Html | false {
  if (before === undefined) return false;
  const next = new URLSearchParams(query);
  next.set('before', String(before));
  const text =
    events.length < EVENTS_A_PAGE ? `Searched down to seq ${before}: continue searching` : 'Older events';
  return html`<p><a href="/events?${next.toString()}">${text}</a></p>`;
}
