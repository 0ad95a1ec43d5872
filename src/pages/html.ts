/** HTML templates that are safe against injection: every value is escaped unless it was created by `html`. */

/** Markup. Only `html` creates it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** A value in a template; null, undefined and false give no output. */
export type Part = Html | string | number | null | undefined | false | readonly Part[];

/** A template whose values are escaped, in elements and in quoted attributes. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(strings.reduce((markup, part, index) => markup + markupOf(values[index - 1]) + part));
}

function markupOf(part: Part): string {
  if (part instanceof Html) return part.markup;
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'object') return part.map(markupOf).join('');
  return escaped(String(part));
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

function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replace(/\p{Cc}/gu, pictured);
}

/** Keeps the control characters that HTML allows. Other ASCII ones become their pictures, the rest U+FFFD. */
function pictured(control: string): string {
  const code = control.codePointAt(0) ?? 0;
  if (control === '\n' || control === '\t' || control === '\r') return control;
  return code < 0x20 ? String.fromCodePoint(CONTROL_PICTURES + code) : '\ufffd';
}

/** External text, isolated so that its direction does not affect the text around it. */
export function foreign(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}

/** The same, cut to fit into a table row. */
export function foreignShort(text: string, charsMax: number): Html {
  if (text.length <= charsMax) return foreign(text);
  return html`<bdi title="${text.length} characters">${text.slice(0, charsMax)}…</bdi>`;
}
