-- The schema of a file that version 1 of the schema made, as SQLite stores it. It never changes.
CREATE TABLE events (
  seq             INTEGER PRIMARY KEY,
  body_time_ms    INTEGER NOT NULL,
  body_sha256     BLOB    NOT NULL,
  body            BLOB    NOT NULL,
  type            TEXT,
  event_id        TEXT,
  path            TEXT    NOT NULL,
  signature       BLOB,
  signed_at       INTEGER NOT NULL,
  received_at_ms  INTEGER NOT NULL,
  event_header    TEXT,
  event_id_header TEXT,
  chain           BLOB    NOT NULL,
  UNIQUE (body_time_ms, body_sha256)
) STRICT;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the event log is append-only: events cannot be changed'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the event log is append-only: events cannot be deleted'); END;
CREATE VIEW events_json AS
SELECT
  seq,
  type,
  strftime('%Y-%m-%dT%H:%M:%fZ', received_at_ms / 1000.0, 'unixepoch') AS received_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', signed_at, 'unixepoch') AS signed_at,
  path,
  event_id,
  event_header,
  event_id_header,
  lower(hex(body_sha256)) AS body_sha256,
  lower(hex(signature)) AS signature,
  lower(hex(chain)) AS chain,
  CAST(body AS TEXT) AS body
FROM events;
CREATE TABLE projections (
  name        TEXT    NOT NULL UNIQUE,
  version     INTEGER NOT NULL,
  applied_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE storage_probe (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  tried_at INTEGER NOT NULL,
  filler   BLOB    NOT NULL
) STRICT;
CREATE TABLE failures (
  seq   INTEGER NOT NULL,
  stage TEXT    NOT NULL,
  error TEXT    NOT NULL,
  UNIQUE (seq, stage)
) STRICT;
CREATE TABLE calls (
  call_uuid TEXT NOT NULL UNIQUE,
  tenant_id TEXT,
  direction TEXT,
  from_number TEXT,
  to_number TEXT,
  status TEXT NOT NULL,
  initiated_at_ms INTEGER,
  ringing_at_ms INTEGER,
  answered_at_ms INTEGER,
  ended_at_ms INTEGER,
  answered_by TEXT,
  cancelled_by TEXT,
  error_code TEXT,
  error_message TEXT,
  hangup_cause TEXT,
  duration_seconds REAL,
  total_cost_micros INTEGER,
  recording_url TEXT,
  event_count INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  status_at_ms INTEGER NOT NULL,
  value_times_ms TEXT NOT NULL,
  total_cost REAL GENERATED ALWAYS AS (total_cost_micros / 1000000.0) VIRTUAL
) STRICT;
CREATE TABLE sms_messages (
  message_id TEXT NOT NULL UNIQUE,
  tenant_id TEXT,
  direction TEXT,
  from_number TEXT,
  to_number TEXT,
  message TEXT,
  segments INTEGER,
  media_urls TEXT,
  media_count INTEGER,
  status TEXT NOT NULL,
  error_code TEXT,
  error_message TEXT,
  keyword TEXT,
  queued_at_ms INTEGER,
  sent_at_ms INTEGER,
  delivered_at_ms INTEGER,
  failed_at_ms INTEGER,
  received_at_ms INTEGER,
  event_count INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  status_at_ms INTEGER NOT NULL,
  value_times_ms TEXT NOT NULL
) STRICT;
CREATE TABLE recordings (
  recording_id TEXT NOT NULL UNIQUE,
  call_uuid TEXT,
  tenant_id TEXT,
  recording_url TEXT,
  duration_seconds REAL,
  size_bytes INTEGER,
  format TEXT,
  status TEXT NOT NULL,
  transcription TEXT,
  language TEXT,
  confidence REAL,
  completed_at_ms INTEGER,
  transcribed_at_ms INTEGER,
  event_count INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  status_at_ms INTEGER NOT NULL,
  value_times_ms TEXT NOT NULL
) STRICT;
CREATE TABLE contacts (
  phone_number TEXT NOT NULL UNIQUE,
  opted_out INTEGER NOT NULL,
  opted_out_at_ms INTEGER,
  opted_in_at_ms INTEGER,
  last_keyword TEXT,
  last_seq INTEGER NOT NULL,
  value_times_ms TEXT NOT NULL
) STRICT;
CREATE VIEW report_calls AS
SELECT
  date(coalesce(initiated_at_ms, ringing_at_ms, answered_at_ms, ended_at_ms) / 1000, 'unixepoch') AS day,
  status AS outcome,
  count(*) AS calls,
  count(answered_at_ms) AS answered,
  round(1.0 * count(answered_at_ms) / count(*), 4) AS answer_rate,
  round(coalesce(sum(duration_seconds), 0) / 60.0, 2) AS minutes,
  coalesce(sum(total_cost_micros), 0) / 1000000.0 AS cost
FROM calls
GROUP BY day, outcome;
CREATE VIEW report_calls_by_day AS
SELECT
  date(coalesce(initiated_at_ms, ringing_at_ms, answered_at_ms, ended_at_ms) / 1000, 'unixepoch') AS day,
  count(*) AS calls,
  count(answered_at_ms) AS answered,
  round(1.0 * count(answered_at_ms) / count(*), 4) AS answer_rate,
  round(coalesce(sum(duration_seconds), 0) / 60.0, 2) AS minutes,
  coalesce(sum(total_cost_micros), 0) / 1000000.0 AS cost
FROM calls
GROUP BY day;
CREATE VIEW report_sms AS
SELECT
  date(coalesce(queued_at_ms, sent_at_ms, delivered_at_ms, failed_at_ms, received_at_ms) / 1000, 'unixepoch') AS day,
  status,
  count(*) AS messages,
  coalesce(sum(segments), 0) AS segments
FROM sms_messages
GROUP BY day, status;
CREATE VIEW report_sms_by_day AS
SELECT
  date(coalesce(queued_at_ms, sent_at_ms, delivered_at_ms, failed_at_ms, received_at_ms) / 1000, 'unixepoch') AS day,
  count(*) FILTER (WHERE status <> 'received') AS outbound,
  count(*) FILTER (WHERE status = 'delivered') AS delivered,
  count(*) FILTER (WHERE status = 'failed') AS failed,
  count(*) FILTER (WHERE status = 'received') AS received,
  round(1.0 * count(*) FILTER (WHERE status = 'delivered')
    / nullif(count(*) FILTER (WHERE status IN ('delivered', 'failed')), 0), 4) AS delivery_rate
FROM sms_messages
GROUP BY day;
CREATE VIEW report_opt_outs AS
SELECT
  phone_number,
  strftime('%Y-%m-%dT%H:%M:%SZ', opted_out_at_ms / 1000, 'unixepoch') AS opted_out_at,
  last_keyword
FROM contacts
WHERE opted_out = 1;
CREATE VIEW report_recordings_waiting AS
SELECT
  recordings.recording_id,
  recordings.call_uuid,
  recordings.recording_url,
  strftime('%Y-%m-%dT%H:%M:%SZ', recordings.completed_at_ms / 1000, 'unixepoch') AS completed_at,
  calls.from_number,
  calls.to_number
FROM recordings
LEFT JOIN calls ON calls.call_uuid = recordings.call_uuid
WHERE recordings.status = 'complete';
CREATE VIEW report_inbound_messages AS
SELECT
  message_id,
  strftime('%Y-%m-%dT%H:%M:%SZ', received_at_ms / 1000, 'unixepoch') AS received_at,
  from_number,
  to_number,
  message,
  media_count
FROM sms_messages
WHERE status = 'received' AND keyword IS NULL;
CREATE VIEW report_delivery_delay AS
SELECT
  date(received_at_ms / 1000, 'unixepoch') AS day,
  count(*) AS events,
  round(avg(received_at_ms - signed_at * 1000) / 1000.0, 3) AS average_s,
  round(max(received_at_ms - signed_at * 1000) / 1000.0, 3) AS longest_s
FROM events
GROUP BY day;
