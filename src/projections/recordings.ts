/** One row per recording. Does not change `calls`: reports join by `call_uuid`. */

import { CALL_UUID, count, number, RECORDING_ID, text } from '../core/event/field-kinds.ts';
import {
  column,
  computed,
  DURATION_SECONDS,
  failureColumn,
  key,
  milestone,
  RECORDING_URL,
  TENANT_ID,
} from './columns.ts';
import { lifecycleTable, STATUS } from './lifecycle.ts';
import { identifiedBy, recordingKey } from './recording-key.ts';

const COMPLETE = ['recording.complete'] as const;
const TRANSCRIBED = ['recording.transcribed'] as const;
const FAILED = ['recording.failed', 'recording.transcription_failed'] as const;

export const recordings = lifecycleTable({
  name: 'recordings',
  version: 2,
  about:
    'One row per recording of a call. A recording without an id is known by its URL. An event that states neither, such as the start of a recording, has a row of its own with `identified_by` = `call`: that row is not a recording.',
  ranks: [
    ['recording.started'],
    ['recording.failed', ...COMPLETE],
    ['recording.transcription_failed', ...TRANSCRIBED],
  ],
  columns: {
    recording_id: key(
      RECORDING_ID,
      "The id of the recording. Without an id: the call's id, `#`, and the first 16 hex digits of the SHA-256 of its URL (without fragment and signature), or else the type of the event.",
    ),
    identified_by: {
      ...computed('TEXT', 'What `recording_id` is made of: `id`, `url` or `call`.', 'latest'),
      types: 'all',
      read: identifiedBy,
    },
    call_uuid: column(CALL_UUID, 'all', 'The id of the call.'),
    tenant_id: TENANT_ID,
    recording_url: column(RECORDING_URL, COMPLETE, 'Where the file is.'),
    duration_seconds: column(DURATION_SECONDS, COMPLETE, 'How long it is.'),
    size_bytes: column(count('size_bytes'), COMPLETE, 'How large the file is.'),
    format: column(text('format'), COMPLETE, 'The format of the file, such as `wav`.'),
    status: STATUS,
    stated_error_message: failureColumn(
      text('error_message'),
      FAILED,
      'Why it, or its transcription, failed, in words.',
    ),
    transcription: column(text('transcription', 'transcript', 'text'), TRANSCRIBED, 'What is said in it.'),
    language: column(text('language'), TRANSCRIBED, 'The language of the transcription.'),
    confidence: column(number('confidence'), TRANSCRIBED, 'How certain the transcription is.'),
    started_at_ms: milestone(['recording.started'], 'When it was started.'),
    failed_at_ms: milestone(FAILED, 'When it, or its transcription, failed.'),
    completed_at_ms: milestone(COMPLETE, 'When it was complete.'),
    transcribed_at_ms: milestone(TRANSCRIBED, 'When it was transcribed.'),
  },
  keyOf: recordingKey,
});
