/** The events page: newest first, with a filter and paging. */

import type { Reader } from '../core/engine/reader.ts';
import { DOCUMENTED_TYPES } from '../core/event/event-types.ts';
import { type Found, findEvents } from '../core/inspect/find-events.ts';
import {
  PAGE_EVENTS_MAX,
  PAGE_FAILURE_CHARS_MAX,
  PAGE_FILTER_CHARS_MAX,
  PAGE_TYPE_CHARS_MAX,
} from '../core/limits.ts';
import { time, whole } from './format.ts';
import { external, type Html, html, table } from './html.ts';
import type { Content } from './layout.ts';

/** @param query its parameters `type`, `subject`, `failed` and `before` are used */
export async function eventsContent(reader: Reader, query: URLSearchParams): Promise<Content> {
  const given = (name: string) => query.get(name)?.trim().slice(0, PAGE_FILTER_CHARS_MAX) || undefined;
  const filter = { type: given('type'), subject: given('subject'), failedOnly: query.get('failed') === '1' };
  const seq = /^[1-9]\d{0,14}$/.exec(query.get('before') ?? '')?.[0];
  const before = seq === undefined ? undefined : Number(seq);
  const found = await findEvents(reader, filter, { before }, PAGE_EVENTS_MAX);
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
${eventTable(found)}
${found.before !== undefined && older(found.before, found.events.length, query)}
</section>`;
  return { title: 'Events', main, refreshes: before === undefined };
}

export function eventTable({ events }: Found): Html {
  return table(
    [['seq', 'number'], ['received', 'time'], ['type'], ['path'], ['bytes', 'number'], ['problem', 'long']],
    events.map(({ seq, type, receivedAtMs, path, bodyBytes, failure, warnings }) => [
      html`<a href="/events/${seq}">${seq}</a>`,
      time(receivedAtMs),
      type === null ? html`<span class="quiet">none</span>` : external(type, PAGE_TYPE_CHARS_MAX),
      path,
      whole(bodyBytes),
      problem(failure ?? warnings.join('; ')),
    ]),
    'None found.',
  );
}

function problem(text: string): Html | false {
  return text !== '' && html`<span class="bad">${external(text, PAGE_FAILURE_CHARS_MAX)}</span>`;
}

/** The link to older events. If the search reached its limit, the link continues it. */
function older(before: number, found: number, query: URLSearchParams): Html {
  const next = new URLSearchParams(query);
  next.set('before', String(before));
  const text =
    found < PAGE_EVENTS_MAX ? `Searched down to seq ${before}: continue searching` : 'Older events';
  return html`<p><a href="/events?${next.toString()}">${text}</a></p>`;
}
