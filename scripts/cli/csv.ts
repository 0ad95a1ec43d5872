/** CSV as defined by RFC 4180, safe to open in a spreadsheet. */

/** A cell that a spreadsheet would treat as a formula; a phone number or a plain number does not count. */
const FORMULA = /^(?:[=@\t\r]|[+-](?![\d. ]*$))/;

/** Lines end with CRLF. */
export function csvLines(rows: readonly (readonly (string | number | null)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
