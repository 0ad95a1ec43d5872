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

  it('gives a recording without an id the key of its row', () => {
    const event = eventOf({ event: 'recording.ready', data: { call_id: 'call-1', format: 'wav' } });
    assert.deepEqual(handlerData(event), {
      recording_id: 'call-1#recording.complete',
      call_uuid: 'call-1',
      format: 'wav',
    });
  });

  it('is undefined without the subject’s id and for a type without a handler', () => {
    assert.equal(
      handlerData(eventOf({ event: 'call.completed', data: { from: '+12025550100' } })),
      undefined,
    );
    assert.equal(handlerData(eventOf({ event: 'sms.queued', data: { message_id: 'm' } })), undefined);
  });
});

type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Some<T extends DocumentedType, Names extends PropertyKey> = {
  [Name in keyof HandlerData<T> as Name & Names]: HandlerData<T>[Name];
};
/** Fails when types are checked. */
const isSame = <A, B>(same: IsSame<A, B>) => assert.ok(same);

describe('the type of a handler’s data', () => {
  it('has the kinds of the fields, and only the id is always there', () => {
    isSame<
      Some<'call.completed', 'call_uuid' | 'started_at' | 'total_cost' | 'hangup_cause'>,
      {
        readonly call_uuid: string;
        readonly started_at?: string;
        readonly total_cost?: number;
        readonly hangup_cause?: string;
      }
    >(true);
    isSame<
      Some<'sms.received', 'message_id' | 'message' | 'media_urls' | 'media_count' | 'received_at'>,
      {
        readonly message_id: string;
        readonly message?: string;
        readonly media_urls?: readonly string[];
        readonly media_count?: number;
        readonly received_at?: string;
      }
    >(true);
    isSame<
      Some<'recording.transcribed', 'recording_id' | 'call_uuid' | 'confidence'>,
      { readonly recording_id: string; readonly call_uuid?: string; readonly confidence?: number }
    >(true);
  });

  it('has only the fields that events of its type state', () => {
    isSame<
      keyof Some<'call.ringing', 'from_number' | 'answered_by' | 'total_cost' | 'status'>,
      'from_number'
    >(true);
    isSame<keyof Some<'sms.sent', 'segments' | 'error_code' | 'keyword' | 'delivered_at'>, 'segments'>(true);
    isSame<keyof Some<'recording.complete', 'format' | 'transcription'>, 'format'>(true);
  });
});
