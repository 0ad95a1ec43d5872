/**
 * Whether a person has opted out: by the row of the tenant and the number, or by the number's row for every tenant. An
 * opt-in that states no tenant undoes only an opt-out that states none.
 */

import type { Reader } from '../core/engine/reader.ts';
import { contactKey, EVERY_TENANT, phoneNumberOf } from './contacts.ts';

/**
 * @param number in any spelling
 * @param tenant without it, the opt-outs of all tenants count
 */
export async function isOptedOut(
  query: Reader['query'],
  number: string,
  tenant: string | undefined,
): Promise<boolean> {
  const phoneNumber = phoneNumberOf(number);
  const rows =
    tenant === undefined
      ? await query('SELECT 1 AS found FROM contacts WHERE phone_number = ? AND opted_out = 1', phoneNumber)
      : await query(
          'SELECT 1 AS found FROM contacts WHERE contact IN (?, ?) AND opted_out = 1',
          contactKey(undefined, phoneNumber),
          contactKey(tenant, phoneNumber),
        );
  return rows.length > 0;
}

/**
 * SQL that selects the rows of opted-out people, each with the opt-out that counts: that of the row, else the one for
 * every tenant.
 * @param separator SQL of KEY_SEPARATOR
 */
export function optedOutSql(separator: string) {
  const own = (column: string) =>
    `CASE contacts.opted_out WHEN 1 THEN contacts.${column} ELSE everywhere.${column} END`;
  return {
    from: `contacts
LEFT JOIN contacts AS everywhere
  ON everywhere.contact = '${EVERY_TENANT}' || ${separator} || contacts.phone_number AND everywhere.opted_out = 1`,
    condition: '(contacts.opted_out = 1 OR everywhere.opted_out = 1)',
    atMs: own('opted_out_at_ms'),
    by: own('opted_out_by'),
  };
}
