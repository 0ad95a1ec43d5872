/** The key of a recording. Some of its events have no recording id. */

import * as crypto from 'node:crypto'; // a missing named import would stop old Nodes before the version check
import type { EventContent } from '../core/event/event.ts';
import { CALL_UUID, RECORDING_ID, rowKey } from '../core/event/field-kinds.ts';
import type { Fields } from '../core/event/fields.ts';
import { RECORDING_URL } from './columns.ts';

const URL_DIGITS = 16;

/** Without the fragment. */
const ADDRESS_AND_QUERY = /^([^?#]*)\??([^#]*)/;

/** Parameters of signed URLs, which differ each time: S3, Google Cloud Storage and CloudFront. */
const SIGNING =
  /^(?:x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|expires|signature|key-pair-id|policy|hash-algorithm)$/i;
/** Those of Azure. They are so short that they count only if the URL has a `sig`. */
const AZURE_SIGNING =
  /^(?:s[eiprstv]|sig|sip|spr|srt|sdd|ses|skoid|sktid|skt|ske|sks|skv|saoid|suoid|sduoid|scid|rsc[cdelt])$/i;

/** What the key of an event's recording is made of. */
export function identifiedBy(fields: Fields): 'id' | 'url' | 'call' {
  if (fields.get(RECORDING_ID) !== undefined) return 'id';
  return fields.get(RECORDING_URL) === undefined ? 'call' : 'url';
}

/** @throws FieldError if the event states neither a recording nor a call */
export function recordingKey({ tabled, fields }: EventContent): string {
  const id = fields.get(RECORDING_ID);
  if (id !== undefined) return id;
  const call = fields.get(CALL_UUID) ?? fields.required(RECORDING_ID);
  const url = fields.get(RECORDING_URL);
  if (url === undefined) return rowKey(`${call}#${tabled}`);
  return rowKey(`${call}#${crypto.hash('sha256', withoutSignature(url)).slice(0, URL_DIGITS)}`);
}

/**
 * The text is cut, not parsed: removing thousands of parameters from a parsed URL takes minutes.
 * @returns the part of a URL that stays the same when it is signed again
 */
function withoutSignature(url: string): string {
  const [, address = '', query = ''] = ADDRESS_AND_QUERY.exec(url) ?? [];
  const parameters = query.split('&');
  const isAzure = parameters.some((parameter) => parameter.startsWith('sig='));
  const lasting = parameters.filter((parameter) => {
    const [name = ''] = parameter.split('=', 1);
    return name !== '' && !SIGNING.test(name) && !(isAzure && AZURE_SIGNING.test(name));
  });
  return lasting.length === 0 ? address : `${address}?${lasting.join('&')}`;
}
