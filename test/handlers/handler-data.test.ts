import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../scripts/cli/random.ts';
import { SHAPES, sampleEvent } from '../../scripts/cli/sample-events.ts';
import { sampleSubject } from '../../scripts/cli/sample-subject.ts';
import { DOCUMENTED_TYPES, type DocumentedType } from '../../src/core/event/event-types.ts';
import { type HandlerData, handlerData } from '../../src/handlers/handler-data.ts';
import { eventOf } from '../support/events.ts';

const subject = sampleSubject(seededRandom(1), Date.UTC(2026, 0, 5, 9));

describe('the data of a handler', () => {
  it('is the same for all three body shapes, and has every documented member', () => {
    for (const type of DOCUMENTED_TYPES) {
      const [first, ...others] = SHAPES.map((shape) => {
        const { body } = sampleEvent(type, subject, shape);
        return handlerData(eventOf(body, { eventHeader: type }));
      });
      assert.ok(first !== undefined, type);
      for (const other of others) assert.deepEqual(other, first, type);
      const documented = (JSON.parse(sampleEvent(type, subject).body) as { data: object }).data;
      assert.deepEqual(first, documented, type);
    }
  });

  it('leaves out what cannot be used, and keeps the rest', () => {
    const data = { call_uuid: 'call-1', duration_seconds: -5, total_cost: 'much', direction: 'inbound' };
    assert.deepEqual(handlerData(eventOf({ event: 'call.completed', data })), {
      call_uuid: 'call-1',
      direction: 'inbound',
    });
  });

  it('gives times as ISO 8601 in UTC and amounts in currency units', () => {
    const data = { call_uuid: 7, ended_at: 1_767_603_600, total_cost: '0.0125' };
    assert.deepEqual(handlerData(eventOf({ event: 'call.completed', data })), {
      call_uuid: '7',
      ended_at: '2026-01-05T09:00:00.000Z',
      total_cost: 0.0125,
    });
  });

  it('uses the call’s id for a recording without an id', () => {
    const event = eventOf({ event: 'recording.ready', data: { call_id: 'call-1', format: 'wav' } });
    assert.deepEqual(handlerData(event), { recording_id: 'call-1', call_uuid: 'call-1', format: 'wav' });
  });

  it('is undefined without the subject’s id and for a type without a handler', () => {
    assert.equal(
      handlerData(eventOf({ event: 'call.completed', data: { from: '+12025550100' } })),
      undefined,
    );
    assert.equal(handlerData(eventOf({ event: 'sms.queued', data: { message_id: 'm' } })), undefined);
  });
});

interface Call {
  readonly call_uuid: string;
  readonly tenant_id?: string;
  readonly direction?: string;
  readonly from_number?: string;
  readonly to_number?: string;
}
interface CallEnded extends Call {
  readonly ended_at?: string;
  readonly hangup_cause?: string;
}
interface CallCompleted extends CallEnded {
  readonly started_at?: string;
  readonly answered_at?: string;
  readonly duration_seconds?: number;
  readonly total_cost?: number;
  readonly recording_url?: string;
}
interface SmsReceived extends Omit<Call, 'call_uuid'> {
  readonly message_id: string;
  readonly message?: string;
  readonly segments?: number;
  readonly media_urls?: readonly string[];
  readonly media_count?: number;
  readonly received_at?: string;
}
interface Transcribed {
  readonly recording_id: string;
  readonly call_uuid?: string;
  readonly tenant_id?: string;
  readonly transcription?: string;
  readonly language?: string;
  readonly confidence?: number;
}

type Plain<T> = { [Name in keyof T]: T[Name] };
type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isSame = <T extends DocumentedType, Expected>(same: IsSame<Plain<HandlerData<T>>, Plain<Expected>>) =>
  same;

describe('the type of a handler’s data', () => {
  it('has exactly the fields of its event type, and only the id is always there', () => {
    assert.ok(isSame<'call.ringing', Call>(true));
    assert.ok(isSame<'call.busy', CallEnded>(true));
    assert.ok(isSame<'call.completed', CallCompleted>(true));
    assert.ok(isSame<'sms.received', SmsReceived>(true));
    assert.ok(isSame<'recording.transcribed', Transcribed>(true));
    assert.ok(!isSame<'recording.complete', Transcribed>(false));
  });
});
