/** The page of one event: its body, its metadata, and the rows that it changed. */

import type { Reader } from '../core/engine/reader.ts';
import { indentedJson } from '../core/event/indented-json.ts';
import { type StoredEvent, verdictOf } from '../core/event/recorded-event.ts';
import { type Explanation, explainEvent } from '../core/inspect/explain.ts';
import { PAGE_BODY_CHARS_MAX, PAGE_VALUE_CHARS_MAX } from '../core/limits.ts';
import type { Value } from '../core/tables/projection.ts';
import { contactTexts } from '../projections/contacts.ts';
import { derivations } from '../projections/index.ts';
import { time, whole } from './format.ts';
import { external, type Html, html, table } from './html.ts';
import type { Content } from './layout.ts';

/** @returns undefined if there is no such event */
export async function eventContent(reader: Reader, seq: number): Promise<Content | undefined> {
  const [event] = await reader.stored(seq - 1, 1);
  if (event?.seq !== seq) return undefined;
  const { error, warnings } = verdictOf(await reader.failuresOf(seq));
  const explanations = await explainEvent(reader, derivations.projections, seq, contactTexts);
  const rows = explanations.map((explanation) => changed(seq, explanation));
  const { seq: last } = await reader.head();
  const neighbours = [seq - 1, seq + 1].filter((other) => other >= 1 && other <= last);
  const main = html`
<section>
<h2>Event ${seq} ${event.type !== null && external(event.type)}</h2>
${error !== null && html`<p class="bad">Unusable: ${external(error)}</p>`}
${warnings.length > 0 && html`<p class="bad">Values left out: ${external(warnings.join('; '))}</p>`}
<p>${neighbours.map((other, index) => html`${index > 0 && ' · '}<a href="/events/${other}">seq ${other}</a>`)}</p>
</section>
<section class="half"><h2>Metadata</h2>${metadata(event)}</section>
<section class="half"><h2>Rows of this event</h2>
${rows.length === 0 ? html`<p class="quiet">None: its type has no table, or it is unusable.</p>` : rows}
</section>
<section><h2>Body <small>as signed</small></h2>${shownBody(event.body)}</section>`;
  return { title: `Event ${seq} ${event.type ?? ''}`, main };
}

function metadata(event: StoredEvent): Html {
  const sent = (text: string | null) => (text === null ? 'none' : external(text));
  const hex = (bytes: Uint8Array) => html`<code>${Buffer.from(bytes).toString('hex')}</code>`;
  return table(
    [[''], ['', 'long']],
    [
      ['path', event.path],
      ['received', new Date(event.received_at_ms).toISOString().slice(0, -1).replace('T', ' ')],
      ['signed', time(event.signed_at * 1000)],
      ['X-IRISX-Signature', event.signature === null ? 'unsigned' : hex(event.signature)],
      ['X-IRISX-Event', sent(event.event_header)],
      ['X-IRISX-Event-ID', sent(event.event_id_header)],
      ['event id', sent(event.event_id)],
      ['SHA-256', hex(event.body_sha256)],
      ['chain', hex(event.chain)],
    ],
  );
}

/** A row that the event `seq` belongs to. */
function changed(seq: number, { table: name, key, events, columns, differing, readFrom }: Explanation): Html {
  return html`<h3>${name} · ${external(key)}</h3>
<p>Built from ${events.length === 1 ? 'one event' : `${whole(events.length)} events`}: ${events.map((event, index) => html`${index > 0 && ', '}<a href="/events/${event.seq}">${event.seq}</a>${event.seq === seq && ' (this one)'}`)}</p>
${readFrom > 1 && html`<p class="quiet">Events before seq ${readFrom} were not searched.</p>`}
${differing.length > 0 && html`<p class="warn">The table has different values in ${differing.join(', ')}: it lags behind, or includes earlier events.</p>`}
${table(
  [['column'], ['value', 'long'], ['set by seq', 'number']],
  columns.map((column) => [
    column.name,
    shownValue(column.name, column.value),
    column.seq === seq
      ? html`<strong>${seq}</strong>`
      : html`<a href="/events/${column.seq}">${column.seq}</a>`,
  ]),
)}`;
}

function shownValue(column: string, value: Value): Html | false {
  if (value === null) return false;
  if (column.endsWith('_at_ms')) return html`${time(Number(value))} <span class="quiet">${value}</span>`;
  return external(String(value), PAGE_VALUE_CHARS_MAX);
}

function shownBody(body: Uint8Array): Html {
  const text = Buffer.from(body).toString('utf8');
  const shown = visible(indentedJson(text) ?? text);
  return html`<pre>${external(shown.slice(0, PAGE_BODY_CHARS_MAX))}</pre>
${shown.length > PAGE_BODY_CHARS_MAX && html`<p class="quiet">${whole(shown.length - PAGE_BODY_CHARS_MAX)} more characters are not shown.</p>`}
<p class="quiet">${whole(body.byteLength)} bytes</p>`;
}

/** Shows characters that change the text direction or have no width as JSON escapes. */
function visible(text: string): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(/\p{Cf}/gu, (mark) => mark.split('').map(escaped).join(''));
}
