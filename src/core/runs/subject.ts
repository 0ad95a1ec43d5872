/** What an event is about. The runs for the events of one subject happen one after another, in the order of the log. */

import { familyOf, tabledType } from '../event/event-types.ts';
import {
  CALL_UUID,
  type Field,
  FROM_NUMBER,
  MESSAGE_ID,
  RECORDING_ID,
  rowKey,
} from '../event/field-kinds.ts';
import { Fields, type Json } from '../event/fields.ts';
import { comparedNumber } from '../event/phone-number.ts';

/**
 * A call (its recordings too), an outbound message, for an inbound message the contact, or a recording without a call.
 * @param type as sent
 * @returns null if the event states none that can be read: then its run waits for no other
 */
export function subjectOf(type: string, json: Json): string | null {
  const data = json['data'] ?? json;
  const fields = new Fields(typeof data === 'object' ? (data as Json) : json);
  const named = (kind: string, field: Field<string, string>) => {
    const stated = fields.get(field);
    return stated === undefined ? null : rowKey(`${kind} ${stated}`);
  };
  if (tabledType(type) === 'sms.received') {
    const number = fields.get(FROM_NUMBER);
    return number === undefined ? null : rowKey(`contact ${comparedNumber(number)}`);
  }
  switch (familyOf(type)) {
    case 'call':
    case 'recording':
    case 'transcription':
      return named('call', CALL_UUID) ?? named('recording', RECORDING_ID);
    case 'sms':
    case 'mms':
      return named('message', MESSAGE_ID);
    default:
      return null;
  }
}
