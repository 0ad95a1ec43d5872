/** Calls of which events were lost, and recordings without an id. */

import { type Case, sent } from './case.ts';

const began = { started_at: '2026-11-17T23:59:30Z', ended_at: '2026-11-18T00:05:00Z' };
const whole = { ...began, answered_at: '2026-11-17T23:59:35Z', duration_seconds: 325 };
const dayOf = "date(initiated_at_ms / 1000, 'unixepoch') AS day";

export const LOST_EVENTS: readonly Case[] = [
  {
    name: 'of a call arrives only its end: it was answered, and belongs to the day on which it began',
    sent: [sent('call.completed', { call_uuid: 'lost1', ...whole })],
    sql: `SELECT answered, ${dayOf}, answered_at_ms - initiated_at_ms AS waited_ms, ended_at_ms FROM calls
      WHERE call_uuid = 'lost1'`,
    rows: [
      { answered: 1, day: '2026-11-17', waited_ms: 5000, ended_at_ms: Date.parse('2026-11-18T00:05:00Z') },
    ],
  },
  {
    name: 'its end states only a duration: it was answered',
    sent: [sent('call.completed', { call_uuid: 'lost2', ...began, duration_seconds: 325 })],
    sql: `SELECT answered, answered_at_ms, ${dayOf} FROM calls WHERE call_uuid = 'lost2'`,
    rows: [{ answered: 1, answered_at_ms: null, day: '2026-11-17' }],
  },
  {
    name: 'it ended without being answered: no duration, or a cause that is not normal',
    sent: [
      sent('call.completed', { call_uuid: 'lost3', ...began, duration_seconds: 0 }),
      sent('call.completed', { call_uuid: 'lost4', duration: 30, hangup_cause: 'NO_ANSWER' }),
      sent('call.no_answer', { call_uuid: 'lost5', ...began, duration_seconds: 30 }),
    ],
    sql: "SELECT answered FROM calls WHERE call_uuid IN ('lost3', 'lost4', 'lost5')",
    rows: [{ answered: 0 }, { answered: 0 }, { answered: 0 }],
  },
  {
    name: 'a failed call states when it began and was answered',
    sent: [sent('call.failed', { call_uuid: 'lost6', ...whole, error_code: 'X' })],
    sql: `SELECT status, answered, error_code, ${dayOf} FROM calls WHERE call_uuid = 'lost6'`,
    rows: [{ status: 'failed', answered: 1, error_code: 'X', day: '2026-11-17' }],
  },
];

const url = 'https://r.example/1.wav';
const recording = (call_id: string, more: object) => sent('call.recording.completed', { call_id, ...more });

export const RECORDINGS: readonly Case[] = [
  {
    name: 'two recordings of a call without ids are two rows',
    sent: [
      recording('rec1', { recording_url: url, duration: 10 }),
      recording('rec1', { recording_url: 'https://r.example/2.wav', duration: 20 }),
    ],
    sql: `SELECT recording_url, duration_seconds FROM report_recordings WHERE call_uuid = 'rec1' ORDER BY 1`,
    rows: [
      { recording_url: url, duration_seconds: 10 },
      { recording_url: 'https://r.example/2.wav', duration_seconds: 20 },
    ],
  },
  {
    name: 'one recording whose URL is signed again is one row',
    sent: [
      recording('rec2', { recording_url: `${url}?X-Amz-Date=1&X-Amz-Signature=a` }),
      recording('rec2', { recording_url: `${url}?X-Amz-Date=2&X-Amz-Signature=b`, n: 2 }),
      recording('rec2', { recording_url: `${url}?Expires=3&Signature=c&Key-Pair-Id=k` }),
      recording('rec2', { recording_url: `${url}?sv=2024&se=4&sp=r&sig=d` }),
      recording('rec2', { recording_url: `${url}#t=5` }),
    ],
    sql: "SELECT event_count FROM recordings WHERE call_uuid = 'rec2'",
    rows: [{ event_count: 5 }],
  },
  {
    name: 'what names only its call is no recording, and a transcript belongs to the only one',
    sent: [
      sent('call.recording.started', { call_id: 'rec3' }),
      recording('rec3', { recording_url: url }),
      sent('transcription.completed', { call_id: 'rec3', text: 'Hello.' }),
    ],
    sql: "SELECT status, transcription FROM report_recordings WHERE call_uuid = 'rec3'",
    rows: [{ status: 'transcribed', transcription: 'Hello.' }],
  },
  {
    name: 'an id is used even beside a URL, and a number is an id',
    sent: [
      sent('recording.complete', { recording_id: 77, call_uuid: 'rec4', recording_url: url }),
      sent('recording.transcribed', { recording_sid: '77', transcript: 'Yes.' }),
    ],
    sql: "SELECT recording_id, status, transcription FROM recordings WHERE call_uuid = 'rec4'",
    rows: [{ recording_id: '77', status: 'transcribed', transcription: 'Yes.' }],
  },
];
