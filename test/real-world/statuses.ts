/** Statuses, and the errors that belong to failed ones. */

import { T0_MS, T0_S } from '../support/events.ts';
import { type Case, sent } from './case.ts';

const shown = (id: string) =>
  `SELECT status, error_code, error_message FROM sms_messages WHERE message_id = '${id}'`;
const spam = { error_code: '30003', error_message: 'Unreachable' };
const delivered = { status: 'delivered', error_code: null, error_message: null };

export const STATUSES: readonly Case[] = [
  {
    name: 'an MMS is delivered like an SMS',
    sent: [
      sent('mms.sent', { message_id: 'mms1' }, [], T0_S - 2),
      sent('mms.delivered', { message_id: 'mms1' }, [], T0_S - 1),
    ],
    sql: shown('mms1'),
    rows: [delivered],
  },
  ...['mms.failed', 'sms.undelivered', 'mms.undelivered'].map((type) => ({
    name: `${type} is failed, with its error`,
    sent: [
      sent('sms.sent', { message_id: type }, [], T0_S - 2),
      sent(type, { message_id: type, ...spam }, [], T0_S - 1),
    ],
    sql: shown(type),
    rows: [{ status: 'failed', ...spam }],
  })),
  {
    name: 'what was delivered after a failure has no error',
    sent: [
      sent('sms.failed', { message_id: 'late', ...spam }, [], T0_S - 2),
      sent('sms.delivered', { message_id: 'late' }, [], T0_S - 1),
    ],
    sql: shown('late'),
    rows: [delivered],
  },
  {
    name: 'what failed after all keeps the error of the failure',
    sent: [
      sent('sms.delivered', { message_id: 'early' }, [], T0_S - 2),
      sent('mms.undelivered', { message_id: 'early', ...spam }, [], T0_S - 1),
    ],
    sql: shown('early'),
    rows: [{ status: 'failed', ...spam }],
  },
  {
    name: 'a call that was completed has no error of an attempt that failed',
    sent: [
      sent('call.failed', { call_uuid: 'again', ...spam }, [], T0_S - 2),
      sent('call.completed', { call_uuid: 'again', duration: 3 }, [], T0_S - 1),
    ],
    sql: "SELECT status, error_code, error_message FROM calls WHERE call_uuid = 'again'",
    rows: [{ ...delivered, status: 'completed' }],
  },
  {
    name: 'a recording that failed says why',
    sent: [
      sent('call.recording.started', { recording_id: 'fail', call_id: 'f' }, [], T0_S - 2),
      sent('call.recording.failed', { recording_id: 'fail', error_message: 'Disk full' }, [], T0_S - 1),
    ],
    sql: "SELECT status, error_message, failed_at_ms FROM recordings WHERE recording_id = 'fail'",
    rows: [{ status: 'failed', error_message: 'Disk full', failed_at_ms: T0_MS - 1000 }],
  },
];
