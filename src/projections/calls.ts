/**
 * One row per call, from the eight documented `call.*` types. It does not include the call's recording: reports join
 * `recordings` by `call_uuid`.
 */

import { CALL_UUID, id, micros, text, time } from '../core/event/fields.ts';
import { column, DURATION_SECONDS, key, milestone, PARTIES, RECORDING_URL } from './columns.ts';
import { lifecycleTable, STATUS } from './lifecycle.ts';

const ENDED = ['call.completed', 'call.no_answer', 'call.busy', 'call.failed', 'call.cancelled'] as const;

export const calls = lifecycleTable({
  name: 'calls',
  version: 1,
  about: 'One row per call. Its recording, if any, is in `recordings`.',
  ranks: [['call.initiated'], ['call.ringing'], ['call.answered'], ENDED],
  columns: {
    call_uuid: key(CALL_UUID, 'The id of the call.'),
    ...PARTIES,
    status: STATUS,
    initiated_at_ms: milestone(time('started_at'), ['call.initiated'], 'When it began.', ['call.completed']),
    ringing_at_ms: milestone(undefined, ['call.ringing'], 'When it rang.'),
    answered_at_ms: milestone(time('answered_at'), ['call.answered'], 'When it was answered.', [
      'call.completed',
    ]),
    ended_at_ms: milestone(time('ended_at'), ENDED, 'When it ended.'),
    answered_by: column(text('answered_by'), ['call.answered'], 'Who or what answered, such as `human`.'),
    cancelled_by: column(text('cancelled_by'), ['call.cancelled'], 'Who cancelled it, such as `caller`.'),
    error_code: column(id('error_code'), ['call.failed'], 'Why it failed, as a code.'),
    error_message: column(text('error_message'), ['call.failed'], 'Why it failed, in words.'),
    hangup_cause: column(id('hangup_cause'), ENDED, 'Why it ended, such as `NORMAL_CLEARING`.'),
    duration_seconds: column(DURATION_SECONDS, ['call.completed'], 'How long it lasted.'),
    total_cost_micros: column(micros('total_cost', 'cost'), ['call.completed'], 'What it cost.'),
    recording_url: column(RECORDING_URL, ['call.completed'], 'Where its recording is, if it was recorded.'),
  },
  readFirst: [
    ...(['tenant_id', 'direction', 'from_number', 'to_number'] as const),
    ...(['duration_seconds', 'total_cost_micros'] as const),
  ],
});
