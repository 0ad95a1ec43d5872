/** The key of a recording. Some of its events have no recording id. */

import * as crypto from 'node:crypto'; // a missing named import would stop old Nodes before the version check
import type { EventContent } from '../core/event/event.ts';
import { CALL_UUID, RECORDING_ID, rowKey } from '../core/event/field-kinds.ts';
import { RECORDING_URL } from './columns.ts';

const URL_DIGITS = 16;

/** Parameters of signed URLs, which differ each time: S3, Google Cloud Storage and CloudFront. */
const SIGNING =
  /^(?:x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|expires|signature|key-pair-id|policy)$/i;
/** Those of Azure, which are too short to be told from others unless the URL has a `sig`. */
const AZURE_SIGNING =
  /^(?:s[eiprstv]|sig|spr|ss|srt|sdd|ses|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid|rsc[cdelt])$/i;

export interface RecordingKey {
  readonly key: string;
  readonly identifiedBy: 'id' | 'url' | 'call';
}

/** @throws FieldError if the event states neither a recording nor a call */
export function recordingKey({ tabled, fields }: EventContent): RecordingKey {
  const id = fields.get(RECORDING_ID);
  if (id !== undefined) return { key: id, identifiedBy: 'id' };
  const call = fields.get(CALL_UUID) ?? fields.required(RECORDING_ID);
  const url = fields.get(RECORDING_URL);
  if (url === undefined) return { key: rowKey(`${call}#${tabled}`), identifiedBy: 'call' };
  const digest = crypto.hash('sha256', withoutSignature(url)).slice(0, URL_DIGITS);
  return { key: rowKey(`${call}#${digest}`), identifiedBy: 'url' };
}

/** @returns what of a URL stays the same when it is signed again */
function withoutSignature(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  const isAzure = url.searchParams.has('sig');
  for (const name of [...url.searchParams.keys()])
    if (SIGNING.test(name) || (isAzure && AZURE_SIGNING.test(name))) url.searchParams.delete(name);
  url.hash = '';
  return url.href;
}
