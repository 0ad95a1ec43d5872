/**
 * One row per phone number that has sent a keyword: whether messages may be sent to it. A number is opted out if its
 * latest opt-out is not older than its latest opt-in; a tie counts as opted out.
 */

import { FROM_NUMBER } from '../core/event/field-kinds.ts';
import { computed, key, nullable, table } from './columns.ts';
import { keywordColumn, OPT_IN, OPT_OUT } from './keywords.ts';
import { emptyRow, settle, settledColumns, VALUE_TIMES } from './settle.ts';

const COLUMNS = {
  phone_number: key(FROM_NUMBER, 'The number.'),
  opted_out: computed('INTEGER', '1 if the number is opted out, else 0.'),
  opted_out_at_ms: nullable('INTEGER', 'When the latest opt-out was sent.'),
  opted_in_at_ms: nullable('INTEGER', 'When the latest opt-in was sent.'),
  last_keyword: keywordColumn('The latest keyword, such as `STOP` or `HELP`.'),
  last_seq: computed('INTEGER', 'The `seq` of the last of its events to arrive.'),
  ...VALUE_TIMES,
};
const SETTLED = settledColumns(COLUMNS);
const EMPTY = emptyRow(COLUMNS, SETTLED);

export const contacts = table(COLUMNS, {
  name: 'contacts',
  version: 1,
  about: 'One row per phone number that has sent a keyword in an `sms.received`: whether it is opted out.',

  keyOf({ tabled, fields }) {
    const isKeyword = tabled === 'sms.received' && COLUMNS.last_keyword.read(fields) !== undefined;
    return isKeyword ? COLUMNS.phone_number.read(fields) : undefined;
  },

  fold(row, { fields, occurredAtMs, seq }, phoneNumber) {
    const next = { ...(row ?? { ...EMPTY, phone_number: phoneNumber, last_seq: seq }) };
    const keyword = COLUMNS.last_keyword.read(fields) ?? '';
    if (OPT_OUT.has(keyword)) next.opted_out_at_ms = Math.max(next.opted_out_at_ms ?? 0, occurredAtMs);
    if (OPT_IN.has(keyword)) next.opted_in_at_ms = Math.max(next.opted_in_at_ms ?? 0, occurredAtMs);
    const { opted_out_at_ms: outMs, opted_in_at_ms: inMs } = next;
    next.opted_out = outMs !== null && (inMs === null || outMs >= inMs) ? 1 : 0;
    next.last_seq = Math.max(next.last_seq, seq);
    settle(next, SETTLED, fields, occurredAtMs);
    return next;
  },
});
