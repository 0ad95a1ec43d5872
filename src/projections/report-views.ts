/**
 * Views for common reports. Days are UTC. Like the tables, they work in SQLite 3.37 and newer.
 * Increase REPORT_VIEWS_VERSION with every change, also of a figure: the next start recreates the views.
 */

import type { View } from '../core/tables/projection.ts';
import { CALLS, columnList, type Figure, figuresOf, SMS, type Source } from './figures.ts';
import { optedOutSql } from './opted-out.ts';

export const REPORT_VIEWS_VERSION = 4;

const CALL_FIGURES = figuresOf(CALLS, 'calls', 'answered', 'answer_rate', 'minutes', 'cost');
const SMS_FIGURES = figuresOf(SMS, 'outbound', 'delivered', 'failed', 'received', 'delivery_rate');

const OPTED_OUT = optedOutSql('char(31)');

/** SELECT statements by the names of their views. */
const LISTS = {
  opt_outs: `
SELECT
  contacts.contact,
  contacts.tenant_id,
  contacts.phone_number,
  contacts.own_number,
  ${isoTime(OPTED_OUT.atMs)} AS opted_out_at,
  ${OPTED_OUT.by} AS opted_out_by
FROM ${OPTED_OUT.from}
WHERE ${OPTED_OUT.condition}`,

  report_opt_outs: `
SELECT
  contacts.tenant_id,
  contacts.phone_number,
  ${isoTime(OPTED_OUT.atMs)} AS opted_out_at,
  ${OPTED_OUT.by} AS opted_out_by,
  contacts.last_keyword
FROM ${OPTED_OUT.from}
WHERE ${OPTED_OUT.condition}`,

  // A transcript, or its failure, may name only its call: it belongs to the call's recording if there is just one. The
  // ids of these rows cannot be composed here, because long ones are shortened.
  report_recordings: `
WITH of_calls AS (
  SELECT call_uuid FROM recordings WHERE identified_by <> 'call' GROUP BY call_uuid HAVING count(*) = 1
)
SELECT
  recording.recording_id,
  recording.call_uuid,
  recording.tenant_id,
  CASE
    WHEN recording.status = 'transcribed' OR coalesce(transcript.status, failure.status) IS NULL
      THEN recording.status
    WHEN failure.status IS NULL OR transcript.status_at_ms > failure.status_at_ms THEN transcript.status
    ELSE failure.status
  END AS status,
  recording.recording_url,
  recording.duration_seconds,
  coalesce(recording.transcription, transcript.transcription) AS transcription,
  coalesce(recording.language, transcript.language) AS language,
  ${isoTime('recording.completed_at_ms')} AS completed_at,
  ${isoTime('coalesce(recording.transcribed_at_ms, transcript.transcribed_at_ms)')} AS transcribed_at
FROM recordings AS recording
LEFT JOIN of_calls ON of_calls.call_uuid = recording.call_uuid
LEFT JOIN recordings AS transcript ON transcript.call_uuid = of_calls.call_uuid
  AND transcript.identified_by = 'call' AND transcript.status = 'transcribed'
LEFT JOIN recordings AS failure ON failure.call_uuid = of_calls.call_uuid
  AND failure.identified_by = 'call' AND failure.status = 'transcription_failed'
WHERE recording.identified_by <> 'call'`,

  report_recordings_waiting: `
SELECT
  recordings.recording_id,
  recordings.call_uuid,
  recordings.recording_url,
  recordings.completed_at,
  calls.from_number,
  calls.to_number
FROM report_recordings AS recordings
LEFT JOIN calls ON calls.call_uuid = recordings.call_uuid
WHERE recordings.status = 'complete'`,

  report_inbound_messages: `
SELECT
  message_id,
  ${isoTime('received_at_ms')} AS received_at,
  from_number,
  to_number,
  message,
  media_count
FROM sms_messages
WHERE status = 'received' AND keyword IS NULL`,

  report_delivery_delay: `
SELECT
  date(received_at_ms / 1000, 'unixepoch') AS day,
  count(*) AS events,
  round(avg(received_at_ms - signed_at * 1000) / 1000.0, 3) AS average_s,
  round(max(received_at_ms - signed_at * 1000) / 1000.0, 3) AS longest_s
FROM events
GROUP BY day`,
};

export const reportViews: readonly View[] = [
  perDay('report_calls', CALLS, CALL_FIGURES, 'outcome'),
  perDay('report_calls_by_day', CALLS, CALL_FIGURES),
  perDay('report_sms', SMS, figuresOf(SMS, 'messages', 'segments'), 'status'),
  perDay('report_sms_by_day', SMS, SMS_FIGURES),
  ...Object.entries(LISTS).map(([name, sql]) => ({ name, sql })),
];

/** @param status the name of a column with the status, if each status of a day has a row */
function perDay(name: string, { table, at }: Source, figures: readonly Figure[], status?: string): View {
  const groups = [
    { name: 'day', sql: `date(${at} / 1000, 'unixepoch')` },
    ...(status === undefined ? [] : [{ name: status, sql: 'status' }]),
  ];
  const shown = figures.map((figure) => ({ name: figure.name, sql: shownSql(figure) }));
  const sql = `
SELECT
  ${columnList([...groups, ...shown], ',\n  ')}
FROM ${table}
GROUP BY ${groups.map((group) => group.name).join(', ')}`;
  return { name, sql };
}

/** Shares and minutes are rounded; money is in US dollars. */
function shownSql({ kind, sql }: Figure): string {
  switch (kind) {
    case 'share':
      return `round(${sql}, 4)`;
    case 'minutes':
      return `round(${sql}, 2)`;
    case 'micros':
      return `${sql} / 1000000.0`;
    default:
      return sql;
  }
}

function isoTime(ms: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%SZ', (${ms}) / 1000, 'unixepoch')`;
}
