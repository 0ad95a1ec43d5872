/** The events after a consumer's position, read from the log some at a time. */

import type { EventKey } from '../engine/run-store.ts';
import { interpret, readBody } from '../event/event.ts';
import type { HandlerEvent } from '../event/recorded-event.ts';
import { HANDLER_READ_EVENTS_MAX } from '../limits.ts';
import type { LoggedEvent } from './consumer.ts';
import type { ProgressOptions } from './progress.ts';
import { subjectOf } from './subject.ts';

/** An event of the log, read once for all that its run needs. */
export interface ReadEvent extends EventKey {
  readonly event: HandlerEvent;
  readonly logged: LoggedEvent;
  /** Whether no table may have the event, because it was appended without being folded. */
  readonly mayBeUnfolded: boolean;
}

export class NextEvents {
  readonly #options: ProgressOptions;
  /** The last event that was taken. */
  #seq: number;
  /** Those that follow, as far as they have been read. */
  #events: HandlerEvent[] = [];
  /** Those of them that may be unfolded. */
  #unfolded: ReadonlySet<number> = new Set();
  /** Those after the starting position that are unfinished: they do not start as new. */
  #unfinished = new Set<number>();

  /** @param seq where to continue: call goTo() first */
  constructor(options: ProgressOptions, seq: number) {
    this.#options = options;
    this.#seq = seq;
  }

  /** The last event that was taken. */
  get seq(): number {
    return this.#seq;
  }

  /** Continues after this event. */
  async goTo(seq: number): Promise<void> {
    const { consumer, store } = this.#options;
    this.#seq = seq;
    this.#events = [];
    this.#unfinished = new Set((await store.unfinishedAfter(consumer.name, seq)).map((event) => event.seq));
  }

  /** The next event; undefined at the end of the log. */
  async first(): Promise<HandlerEvent | undefined> {
    if (this.#events.length === 0) await this.#read();
    return this.#events[0];
  }

  async #read(): Promise<void> {
    const { consumer, reader } = this.#options;
    this.#events = await reader.forHandlers(this.#seq, HANDLER_READ_EVENTS_MAX);
    const last = this.#events.at(-1);
    if (last !== undefined && consumer.runsUserCode)
      this.#unfolded = new Set(await reader.unfolded(this.#seq, last.seq));
  }

  /** Interprets what first() has returned. @returns undefined if the consumer does not want it, or it is unfinished */
  interpret(event: HandlerEvent): ReadEvent | undefined {
    const { seq, type } = event;
    if (this.#unfinished.has(seq) || type === null || !this.#options.consumer.wants(type)) return undefined;
    return readEvent(event, this.#unfolded.has(seq));
  }

  /** Takes what first() has returned. */
  take(): void {
    const { seq } = this.#events.shift() as HandlerEvent;
    this.#seq = seq;
  }
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
