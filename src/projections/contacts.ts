/**
 * One row per tenant and phone number that has sent a keyword: whether that tenant may send messages to it. A contact is
 * opted out if its latest opt-out is not older than its latest opt-in; a tie counts as opted out. opted-out.ts says when
 * a person is opted out, which may take a second row.
 */

import { FieldError, FROM_NUMBER, rowKey } from '../core/event/field-kinds.ts';
import type { Fields } from '../core/event/fields.ts';
import { comparedNumber, hasLetterOrDigit } from '../core/event/phone-number.ts';
import type { KeyTexts } from '../core/inspect/explain.ts';
import { TIME_BEHIND_MAX_MS } from '../core/limits.ts';
import { column, computed, MESSAGE, nullable, PARTIES, TENANT_ID, table } from './columns.ts';
import { keywordColumn, keywordOf, OPT_IN, OPT_OUT } from './keywords.ts';
import { emptyRow, isLater, settle, settledColumns, VALUE_TIMES } from './settle.ts';

/** Between the tenant and the number in a key: U+001F, which no tenant contains there. */
export const KEY_SEPARATOR = '\u001f';
/** In a key instead of a tenant: the event states none. An opt-out in such a row counts for every tenant. */
export const EVERY_TENANT = '*';
const EVERYWHERE = EVERY_TENANT + KEY_SEPARATOR;
/** How the error of an opt-out begins that cannot be attributed to a number. */
export const LOST_OPT_OUT = 'the opt-out';

const COLUMNS = {
  contact: computed('TEXT', 'The tenant, or `*` if none is stated, then U+001F, then `phone_number`.', 'key'),
  tenant_id: nullable('TEXT', 'The `tenant_id` of the message; NULL if it states none.'),
  phone_number: computed(
    'TEXT',
    'The number that sent the keyword, in the form in which numbers are compared: `+15551230001`.',
  ),
  own_number: column(
    PARTIES.to_number.field,
    ['sms.received'],
    'Our number that received the latest keyword.',
  ),
  opted_out: computed(
    'INTEGER',
    '1 if the contact is opted out, else 0. The view `opt_outs` has all opt-outs.',
  ),
  opted_out_at_ms: nullable('INTEGER', 'When the latest opt-out was sent.'),
  opted_out_by: nullable('TEXT', 'The keyword of the latest opt-out, such as `STOP`.'),
  opted_in_at_ms: nullable('INTEGER', 'When the latest opt-in was sent.'),
  last_keyword: keywordColumn('The latest keyword, such as `STOP` or `HELP`.'),
  last_seq: computed('INTEGER', 'The `seq` of the last of its events to arrive.'),
  ...VALUE_TIMES,
};
const SETTLED = settledColumns(COLUMNS);
const EMPTY = emptyRow(COLUMNS, SETTLED);

export const contacts = table(COLUMNS, {
  name: 'contacts',
  version: 2,
  about:
    'One row per tenant and phone number that has sent a keyword in an `sms.received`: whether it is opted out.',

  keyOf({ tabled, fields }) {
    const keyword = tabled === 'sms.received' ? keywordOf(fields.get(MESSAGE)) : undefined;
    return keyword === undefined ? undefined : contactKey(tenantIn(fields), numberIn(fields, keyword));
  },

  fold(row, event, contact) {
    const { fields, signedAtMs, seq } = event;
    const keyword = keywordOf(fields.get(MESSAGE)) ?? ''; // keyOf() lets no other message in
    const next = {
      ...(row ?? {
        ...EMPTY,
        contact,
        tenant_id: tenantIn(fields) ?? null,
        phone_number: numberIn(fields, keyword),
        last_seq: seq,
      }),
    };
    let atMs = event.occurredAtMs;
    if (OPT_OUT.has(keyword)) {
      // A wrong clock must not let an opt-out lose to an older opt-in. An opt-in that comes late must stay old.
      if (atMs < signedAtMs - TIME_BEHIND_MAX_MS) atMs = fields.occurredAtMs(TIME_BEHIND_MAX_MS);
      if (isLater(atMs, keyword, next.opted_out_at_ms, next.opted_out_by)) next.opted_out_by = keyword;
      next.opted_out_at_ms = Math.max(next.opted_out_at_ms ?? 0, atMs);
    }
    if (OPT_IN.has(keyword)) next.opted_in_at_ms = Math.max(next.opted_in_at_ms ?? 0, atMs);
    const { opted_out_at_ms: outMs, opted_in_at_ms: inMs } = next;
    next.opted_out = outMs !== null && (inMs === null || outMs >= inMs) ? 1 : 0;
    next.last_seq = Math.max(next.last_seq, seq);
    settle(next, SETTLED, fields, atMs);
    return next;
  },
});

function tenantIn(fields: Fields): string | undefined {
  return fields.get(TENANT_ID.field);
}

/** @throws FieldError if the keyword cannot be attributed to a number */
function numberIn(fields: Fields, keyword: string): string {
  try {
    const number = fields.required(FROM_NUMBER);
    if (!hasLetterOrDigit(number)) throw new FieldError('from_number has no letter and no digit');
    return phoneNumberOf(number);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    const sent = OPT_OUT.has(keyword) ? LOST_OPT_OUT : OPT_IN.has(keyword) ? 'the opt-in' : 'the keyword';
    throw new FieldError(`${sent} cannot be attributed to a number: ${error.message}`);
  }
}

/** @param number in any spelling @returns the `phone_number` of its rows */
export function phoneNumberOf(number: string): string {
  // With room for the key for every tenant: the views compose that key in SQL, where it cannot be shortened.
  return rowKey(EVERYWHERE + comparedNumber(number)).slice(EVERYWHERE.length);
}

/** The key of a row. Different tenants or numbers have different keys. @param phoneNumber from phoneNumberOf() */
export function contactKey(tenant: string | undefined, phoneNumber: string): string {
  return rowKey(tenantPart(tenant) + KEY_SEPARATOR + phoneNumber);
}

/** As in a JSON text, which contains no control characters. A tenant named `*` differs from no tenant. */
function tenantPart(tenant: string | undefined): string {
  if (tenant === undefined) return EVERY_TENANT;
  return tenant === EVERY_TENANT ? String.raw`\u002a` : JSON.stringify(tenant).slice(1, -1);
}

/** For explain(): every spelling in which the number of a contact has been sent. */
export const contactTexts: KeyTexts = async (reader, { name }, contact) => {
  if (name !== contacts.name) return [];
  const row = await reader.row(contacts, contact);
  const number = row?.['phone_number'];
  if (typeof number !== 'string') return [];
  const sent = await reader.query('SELECT DISTINCT from_number FROM sms_messages WHERE keyword IS NOT NULL');
  const spellings = sent.map(({ from_number: spelling }) => String(spelling));
  return [...spellings.filter((spelling) => phoneNumberOf(spelling) === number), number, number.slice(1)];
};
