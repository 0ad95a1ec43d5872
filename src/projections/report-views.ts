/**
 * Views for common reports. Days are UTC. They work in SQLite 3.40 (Debian 12's `sqlite3`).
 * Increase REPORT_VIEWS_VERSION with every change: the next start recreates the views.
 */

import type { View } from '../core/tables/projection.ts';

export const REPORT_VIEWS_VERSION = 1;

/** When a row's call began, as far as known. */
export const CALL_TIME_MS = 'coalesce(initiated_at_ms, ringing_at_ms, answered_at_ms, ended_at_ms)';
/** The time of the first known stage of a row's message: queued, sent, delivered, failed or received. */
export const SMS_TIME_MS =
  'coalesce(queued_at_ms, sent_at_ms, delivered_at_ms, failed_at_ms, received_at_ms)';

const CALL_DAY = `date(${CALL_TIME_MS} / 1000, 'unixepoch')`;
const SMS_DAY = `date(${SMS_TIME_MS} / 1000, 'unixepoch')`;

export const reportViews: readonly View[] = [
  {
    name: 'report_calls',
    sql: `
SELECT
  ${CALL_DAY} AS day,
  status AS outcome,
  count(*) AS calls,
  count(answered_at_ms) AS answered,
  round(1.0 * count(answered_at_ms) / count(*), 4) AS answer_rate,
  round(coalesce(sum(duration_seconds), 0) / 60.0, 2) AS minutes,
  coalesce(sum(total_cost_micros), 0) / 1000000.0 AS cost
FROM calls
GROUP BY day, outcome`,
  },
  {
    name: 'report_calls_by_day',
    sql: `
SELECT
  ${CALL_DAY} AS day,
  count(*) AS calls,
  count(answered_at_ms) AS answered,
  round(1.0 * count(answered_at_ms) / count(*), 4) AS answer_rate,
  round(coalesce(sum(duration_seconds), 0) / 60.0, 2) AS minutes,
  coalesce(sum(total_cost_micros), 0) / 1000000.0 AS cost
FROM calls
GROUP BY day`,
  },
  {
    name: 'report_sms',
    sql: `
SELECT
  ${SMS_DAY} AS day,
  status,
  count(*) AS messages,
  coalesce(sum(segments), 0) AS segments
FROM sms_messages
GROUP BY day, status`,
  },
  {
    name: 'report_sms_by_day',
    sql: `
SELECT
  ${SMS_DAY} AS day,
  count(*) FILTER (WHERE status <> 'received') AS outbound,
  count(*) FILTER (WHERE status = 'delivered') AS delivered,
  count(*) FILTER (WHERE status = 'failed') AS failed,
  count(*) FILTER (WHERE status = 'received') AS received,
  round(1.0 * count(*) FILTER (WHERE status = 'delivered')
    / nullif(count(*) FILTER (WHERE status IN ('delivered', 'failed')), 0), 4) AS delivery_rate
FROM sms_messages
GROUP BY day`,
  },
  {
    name: 'report_opt_outs',
    sql: `
SELECT
  phone_number,
  strftime('%Y-%m-%dT%H:%M:%SZ', opted_out_at_ms / 1000, 'unixepoch') AS opted_out_at,
  last_keyword
FROM contacts
WHERE opted_out = 1`,
  },
  {
    name: 'report_recordings_waiting',
    sql: `
SELECT
  recordings.recording_id,
  recordings.call_uuid,
  recordings.recording_url,
  strftime('%Y-%m-%dT%H:%M:%SZ', recordings.completed_at_ms / 1000, 'unixepoch') AS completed_at,
  calls.from_number,
  calls.to_number
FROM recordings
LEFT JOIN calls ON calls.call_uuid = recordings.call_uuid
WHERE recordings.status = 'complete'`,
  },
  {
    name: 'report_inbound_messages',
    sql: `
SELECT
  message_id,
  strftime('%Y-%m-%dT%H:%M:%SZ', received_at_ms / 1000, 'unixepoch') AS received_at,
  from_number,
  to_number,
  message,
  media_count
FROM sms_messages
WHERE status = 'received' AND keyword IS NULL`,
  },
  {
    name: 'report_delivery_delay',
    sql: `
SELECT
  date(received_at_ms / 1000, 'unixepoch') AS day,
  count(*) AS events,
  round(avg(received_at_ms - signed_at * 1000) / 1000.0, 3) AS average_s,
  round(max(received_at_ms - signed_at * 1000) / 1000.0, 3) AS longest_s
FROM events
GROUP BY day`,
  },
];
