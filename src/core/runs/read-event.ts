/** An event of the log, read once for all that its run needs. */

import type { RunKey } from '../engine/run-store.ts';
import { interpret, readBody } from '../event/event.ts';
import type { HandlerEvent } from '../event/recorded-event.ts';
import type { LoggedEvent } from './consumer.ts';
import { subjectOf } from './subject.ts';

export interface ReadEvent extends RunKey {
  readonly event: HandlerEvent;
  readonly logged: LoggedEvent;
  /** Whether no table may have the event, because it was appended without being folded. */
  readonly mayBeUnfolded: boolean;
}

/** Never throws, whatever the body is. */
export function readEvent(event: HandlerEvent, mayBeUnfolded: boolean): ReadEvent {
  const read = readBody(event.body, event.eventHeader);
  const interpretation = interpret(read, event.signedAt);
  const json = read.json ?? {};
  const type = event.type ?? '';
  const logged: LoggedEvent = {
    type,
    json,
    event: interpretation.kind === 'event' ? interpretation.event : undefined,
    signedAt: new Date(event.signedAt * 1000),
  };
  return { seq: event.seq, event, logged, subject: subjectOf(type, json), mayBeUnfolded };
}
