/** The page of one event: its body, its metadata, and the rows that it changed. */

import type { Reader } from '../core/engine/reader.ts';
import { indentedJson } from '../core/event/indented-json.ts';
import type { StoredEvent } from '../core/event/recorded-event.ts';
import { failureText } from '../core/event/recorded-event.ts';
import type { Explainer, Explanation } from '../core/inspect/explain.ts';
import type { ProcessState } from '../core/metrics/process-state.ts';
import type { Page } from '../core/page.ts';
import type { Value } from '../core/tables/projection.ts';
import { time, whole } from './format.ts';
import { foreign, foreignShort, type Html, html } from './html.ts';
import { page } from './layout.ts';

const BODY_CHARS_MAX = 200_000;
/** Maximum length of a column's value; the body shows the rest. */
const VALUE_CHARS_MAX = 2_000;

/** @returns undefined if there is no such event */
export async function eventPage(
  reader: Reader,
  explainer: Explainer,
  seq: number,
  processState: ProcessState,
): Promise<Page | undefined> {
  const [event] = await reader.stored(seq - 1, 1);
  if (event?.seq !== seq) return undefined;
  const failure = failureText((await reader.failuresOf(seq)).map(({ error }) => error));
  const rows: Explanation[] = [];
  for (const row of await explainer.rowsOf(seq)) {
    const explanation = await explainer.explain(row);
    if (explanation !== undefined) rows.push(explanation);
  }
  const head = await reader.head();
  const neighbours = [seq - 1, seq + 1].filter((other) => other >= 1 && other <= head.seq);
  const title = `Event ${seq} ${event.type ?? ''}`;
  const main = html`
<section>
<h2>Event ${seq} ${event.type !== null && foreign(event.type)}</h2>
${failure !== null && html`<p class="bad">Unusable: ${foreign(failure)}</p>`}
<p>${neighbours.map((other, index) => html`${index > 0 && ' · '}<a href="/events/${other}">seq ${other}</a>`)}</p>
</section>
<section class="half"><h2>Metadata</h2>${cameWith(event)}</section>
<section class="half"><h2>Rows of this event</h2>
${rows.length === 0 ? html`<p class="quiet">None: its type has no table, or it is unusable.</p>` : rows.map((row) => touched(seq, row))}
</section>
<section><h2>Body <small>as signed</small></h2>${bodyOf(event.body)}</section>`;
  return page({ title, refreshes: false, processState, main });
}

function cameWith(event: StoredEvent): Html {
  const rows: [string, Html | string][] = [
    ['path', event.path],
    ['received', `${time(event.received_at_ms)}.${String(event.received_at_ms % 1000).padStart(3, '0')}`],
    ['signed', time(event.signed_at * 1000)],
    ['X-IRISX-Signature', event.signature === null ? 'unsigned' : html`<code>${hex(event.signature)}</code>`],
    ['X-IRISX-Event', event.event_header === null ? 'none' : foreign(event.event_header)],
    ['X-IRISX-Event-ID', event.event_id_header === null ? 'none' : foreign(event.event_id_header)],
    ['event id', event.event_id === null ? 'none' : foreign(event.event_id)],
    ['SHA-256', html`<code>${hex(event.body_sha256)}</code>`],
    ['chain', html`<code>${hex(event.chain)}</code>`],
  ];
  return html`<table><tbody>${rows.map(([name, value]) => html`<tr><td>${name}</td><td class="long">${value}</td></tr>`)}</tbody></table>`;
}

function touched(seq: number, { table, key, events, columns, differing, lookedAtFrom }: Explanation): Html {
  return html`<h3>${table} · ${foreign(key)}</h3>
<p>Built from ${events.length === 1 ? 'one event' : `${whole(events.length)} events`}: ${events.map((event, index) => html`${index > 0 && ', '}<a href="/events/${event.seq}">${event.seq}</a>${event.seq === seq && ' (this one)'}`)}</p>
${lookedAtFrom > 1 && html`<p class="quiet">Events before seq ${lookedAtFrom} were not searched.</p>`}
${differing.length > 0 && html`<p class="warn">The table has different values in ${differing.join(', ')}: it lags behind, or includes earlier events.</p>`}
<div class="scroll"><table><thead><tr><th>column</th><th>value</th><th class="number">set by seq</th></tr></thead><tbody>
${columns.map(
  ({ name, value, seq: by }) =>
    html`<tr><td>${name}</td><td class="long">${shownValue(name, value)}</td><td class="number">${by === seq ? html`<strong>${by}</strong>` : html`<a href="/events/${by}">${by}</a>`}</td></tr>`,
)}</tbody></table></div>`;
}

function shownValue(column: string, value: Value): Html | false {
  if (value === null) return false;
  if (column.endsWith('_at_ms')) return html`${time(Number(value))} <span class="quiet">${value}</span>`;
  return foreignShort(String(value), VALUE_CHARS_MAX);
}

function bodyOf(body: Uint8Array): Html {
  const text = Buffer.from(body).toString('utf8');
  const shown = visible(indentedJson(text) ?? text);
  return html`<pre>${foreign(shown.slice(0, BODY_CHARS_MAX))}</pre>
${shown.length > BODY_CHARS_MAX && html`<p class="quiet">${whole(shown.length - BODY_CHARS_MAX)} more characters are not shown.</p>`}
<p class="quiet">${whole(body.byteLength)} bytes</p>`;
}

/** Shows characters that change the text direction or have no width as JSON escapes. */
function visible(text: string): string {
  return text.replace(/\p{Cf}/gu, (mark) =>
    Array.from(
      { length: mark.length },
      (_, unit) => `\\u${mark.charCodeAt(unit).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
