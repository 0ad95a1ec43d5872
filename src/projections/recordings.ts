/**
 * One row per recording. Some recording events have no recording id; the call's id is used then. Does not change
 * `calls`: reports join by `call_uuid`.
 */

import { CALL_UUID, count, number, RECORDING_ID, text } from '../core/event/fields.ts';
import { column, DURATION_SECONDS, key, milestone, RECORDING_URL, TENANT_ID } from './columns.ts';
import { lifecycleTable, STATUS } from './lifecycle.ts';

export const recordings = lifecycleTable({
  name: 'recordings',
  version: 1,
  about: 'One row per recording of a call.',
  ranks: [['recording.complete'], ['recording.transcribed']],
  columns: {
    recording_id: key(RECORDING_ID, 'The id of the recording, or else of its call.', CALL_UUID),
    call_uuid: column(CALL_UUID, 'all', 'The id of the call.'),
    tenant_id: TENANT_ID,
    recording_url: column(RECORDING_URL, ['recording.complete'], 'Where the file is.'),
    duration_seconds: column(DURATION_SECONDS, ['recording.complete'], 'How long it is.'),
    size_bytes: column(count('size_bytes'), ['recording.complete'], 'How large the file is.'),
    format: column(text('format'), ['recording.complete'], 'The format of the file, such as `wav`.'),
    status: STATUS,
    transcription: column(
      text('transcription', 'transcript', 'text'),
      ['recording.transcribed'],
      'What is said in it.',
    ),
    language: column(text('language'), ['recording.transcribed'], 'The language of the transcription.'),
    confidence: column(number('confidence'), ['recording.transcribed'], 'How certain the transcription is.'),
    completed_at_ms: milestone(undefined, ['recording.complete'], 'When it was complete.'),
    transcribed_at_ms: milestone(undefined, ['recording.transcribed'], 'When it was transcribed.'),
  },
});
