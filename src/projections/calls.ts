/**
 * One row per call, from the eight documented `call.*` types. It does not include the call's recording: reports join
 * `recordings` by `call_uuid`.
 */

import { CALL_UUID, id, micros, text, time } from '../core/event/field-kinds.ts';
import {
  column,
  computed,
  DURATION_SECONDS,
  failureColumn,
  key,
  milestone,
  money,
  PARTIES,
  RECORDING_URL,
} from './columns.ts';
import { lifecycleTable, STATUS } from './lifecycle.ts';

const ENDED = ['call.completed', 'call.no_answer', 'call.busy', 'call.failed', 'call.cancelled'] as const;

/** FreeSWITCH's name of it, and its number in Q.850. */
const NORMAL_END = /^(?:normal[ _-]?clearing|16)$/i;

export const calls = lifecycleTable({
  name: 'calls',
  version: 2,
  about: 'One row per call. Its recording, if any, is in `recordings`.',
  ranks: [['call.initiated'], ['call.ringing'], ['call.answered'], ENDED],
  columns: {
    call_uuid: key(CALL_UUID, 'The id of the call.'),
    ...PARTIES,
    status: STATUS,
    answered: computed(
      'INTEGER',
      '1 if `answered_at_ms` is known, or if it is `completed`, lasted longer than 0 s, and has no other `hangup_cause` than a normal one (`NORMAL_CLEARING`, `16`); else 0.',
    ),
    initiated_at_ms: milestone(['call.initiated'], 'When it began.', time('started_at'), 'all'),
    ringing_at_ms: milestone(['call.ringing'], 'When it rang.'),
    answered_at_ms: milestone(['call.answered'], 'When it was answered.', time('answered_at'), 'all'),
    ended_at_ms: milestone(ENDED, 'When it ended.', time('ended_at'), 'all'),
    answered_by: column(text('answered_by'), ['call.answered'], 'Who or what answered, such as `human`.'),
    cancelled_by: column(text('cancelled_by'), ['call.cancelled'], 'Who cancelled it, such as `caller`.'),
    stated_error_code: failureColumn(id('error_code'), ['call.failed'], 'Why it failed, as a code.'),
    stated_error_message: failureColumn(text('error_message'), ['call.failed'], 'Why it failed, in words.'),
    hangup_cause: column(id('hangup_cause'), ENDED, 'Why it ended, such as `NORMAL_CLEARING`.'),
    duration_seconds: column(DURATION_SECONDS, ['call.completed'], 'How long it lasted.'),
    total_cost_micros: money(micros('total_cost', 'cost'), ['call.completed'], 'What it cost.'),
    recording_url: column(RECORDING_URL, ['call.completed'], 'Where its recording is, if it was recorded.'),
  },
  compute(row) {
    const { status, answered_at_ms, duration_seconds, hangup_cause } = row;
    const hasLasted = status === 'completed' && (duration_seconds ?? 0) > 0;
    const isNormal = hangup_cause === null || NORMAL_END.test(hangup_cause);
    row.answered = answered_at_ms !== null || (hasLasted && isNormal) ? 1 : 0;
  },
});
