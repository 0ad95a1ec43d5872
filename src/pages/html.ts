/** HTML templates that are safe against injection: every value is escaped unless it was created by `html`. */

/** Markup. Only `html` creates it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** A value in a template; null, undefined and false give no output. */
type Part = Html | string | number | null | undefined | false | readonly Part[];

/** A template whose values are escaped, in elements and in quoted attributes. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(strings.reduce((markup, part, index) => markup + markupOf(values[index - 1]) + part));
}

function markupOf(part: Part): string {
  if (part instanceof Html) return part.markup;
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'object') return part.map(markupOf).join('');
  return String(part)
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replace(/(?![\n\t\r])\p{Cc}/gu, picture);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Start of the Unicode block Control Pictures. */
const CONTROL_PICTURES = 0x2400;

/** What is shown for a control character that HTML does not allow: its picture, or U+FFFD if there is none. */
function picture(control: string): string {
  const code = control.codePointAt(0) ?? 0;
  return code < 0x20 ? String.fromCodePoint(CONTROL_PICTURES + code) : '\ufffd';
}

/** Text from outside, isolated so that its direction does not affect the text around it, and cut if it is too long. */
export function external(text: string, charsMax = Number.POSITIVE_INFINITY): Html {
  if (text.length <= charsMax) return html`<bdi>${text}</bdi>`;
  return html`<bdi title="${text.length} characters">${text.slice(0, charsMax)}…</bdi>`;
}

/** A column of a table: its title, and the class of its cells if they are numbers, times or long texts. */
export type Column = readonly [title: string, cells?: 'number' | 'time' | 'long'];

/** A table, or the text `ifEmpty`. It scrolls by itself if it is too wide. Without any titles, it has no heading. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
  ifEmpty?: string,
): Html {
  if (rows.length === 0 && ifEmpty !== undefined) return html`<p class="quiet">${ifEmpty}</p>`;
  const titles = columns.map(([title, cells]) => html`<th class="${cells}">${title}</th>`);
  const row = (parts: readonly Part[]) =>
    html`<tr>${parts.map((part, index) => html`<td class="${columns[index]?.[1]}">${part}</td>`)}</tr>`;
  const hasTitles = columns.some(([title]) => title !== '');
  return html`<div class="scroll"><table>${hasTitles && html`<thead><tr>${titles}</tr></thead>`}<tbody>${rows.map(row)}</tbody></table></div>`;
}
