import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ROW_KEY_BYTES_MAX } from '../../../src/core/limits.ts';
import { subjectOf } from '../../../src/core/runs/subject.ts';

const NUMBERS = { from_number: '+12025550100', to_number: '+12025550101' };

for (const [what, type, data, subject] of [
  ['a call', 'call.completed', { call_uuid: 'c', ...NUMBERS }, 'call c'],
  ['a call under another spelling', 'call.ringing', { call_sid: 7 }, 'call 7'],
  ['a call, whatever happens to it', 'call.dtmf', { call_uuid: 'c' }, 'call c'],
  ['the call of a recording', 'recording.complete', { recording_id: 'r', call_uuid: 'c' }, 'call c'],
  ['the call of a recording', 'call.recording.completed', { call_id: 'c' }, 'call c'],
  ['a recording without a call', 'transcription.completed', { recording_sid: 'r' }, 'recording r'],
  ['an outbound message', 'sms.delivered', { message_id: 'm', ...NUMBERS }, 'message m'],
  ['an outbound message', 'mms.sent', { id: 'm' }, 'message m'],
  [
    'the contact of an inbound message',
    'sms.received',
    { message_id: 'm', ...NUMBERS },
    'contact +12025550100',
  ],
  ['the contact of an inbound message', 'mms.received', { id: 'm', from: '+1' }, 'contact +1'],
  ['nothing, without an id', 'call.completed', NUMBERS, null],
  ['nothing, without the contact', 'sms.received', { message_id: 'm' }, null],
  ['nothing, with an unusable id', 'call.completed', { call_uuid: { id: 'c' } }, null],
  ['nothing, as another type', 'voicemail.left', { call_uuid: 'c' }, null],
] as const)
  it(`${type} is about ${what}`, () => {
    assert.equal(subjectOf(type, { event: type, data }), subject);
    assert.equal(subjectOf(type, { event: type, ...data }), subject, 'without an envelope');
  });

it('the subject can be read even if the event cannot be used', () => {
  assert.equal(subjectOf('call.completed', { timestamp: 'never', data: { call_uuid: 'c' } }), 'call c');
  assert.equal(subjectOf('call.completed', { data: 'none', call_uuid: 'c' }), 'call c');
  assert.equal(subjectOf('call.completed', { data: [1] }), null);
});

it('the contact is the same in every spelling of its number', () => {
  for (const from of ['+15557770001', '15557770001', '001 555 777 0001', 15557770001])
    assert.equal(subjectOf('sms.received', { event: 'sms.received', from }), 'contact +15557770001');
});

it('a long subject ends in a digest, so that different subjects stay different', () => {
  const [one, other] = ['a', 'b'].map((end) =>
    subjectOf('call.ringing', { call_uuid: 'x'.repeat(999) + end }),
  );
  assert.notEqual(one, other);
  assert.ok(String(one).length <= ROW_KEY_BYTES_MAX);
});
