/** One attempt of a consumer to handle one event: its parameters, its timeout and its single result. */

import type { FailedRun } from '../engine/run-store.ts';
import { interpret, readBody } from '../event/event.ts';
import type { HandlerEvent } from '../event/recorded-event.ts';
import { asRunFailed, type Consumer, RunFailed } from './consumer.ts';
import type { HandlerContext } from './handler-context.ts';

/** Tools for a run, in addition to its event. */
export type RunTools = Pick<HandlerContext, 'log' | 'query'>;

export interface RunOptions {
  readonly event: HandlerEvent;
  readonly consumer: Consumer;
  /** The failed run that this one retries. */
  readonly failed: FailedRun | undefined;
  readonly tools: RunTools;
  /** Called once, never within `start`. @param error undefined if the run succeeded */
  readonly onEnd: (run: Run, error: RunFailed | undefined) => void;
}

export class Run {
  readonly seq: number;
  readonly attempt: number;
  /** Whether it has a row in `failed_runs`. */
  readonly isRetry: boolean;
  /** Whether no other run may be in progress at the same time. */
  readonly isAlone: boolean;
  readonly #options: RunOptions;
  #timeout: NodeJS.Timeout | undefined;
  /** Created on demand, because few handlers use the signal. */
  #abort: AbortController | undefined;
  /** The reason for aborting the signal, if it is aborted. */
  #abortedFor: Error | undefined;
  #hasEnded = false;

  constructor(options: RunOptions) {
    const { event, failed } = options;
    this.#options = options;
    this.seq = event.seq;
    this.attempt = (failed?.attempts ?? 0) + 1;
    this.isRetry = failed !== undefined;
    this.isAlone = failed?.isAlone ?? false;
  }

  /** Runs the consumer's code, synchronously up to its first await. Record the run as in progress before the call. */
  start(): void {
    const { timeoutMs } = this.#options.consumer;
    this.#timeout = setTimeout(() => {
      const error = new RunFailed(`it took longer than ${timeoutMs} ms`);
      this.#abortFor(error);
      this.#end(error);
    }, timeoutMs);
    this.#call().then(
      () => this.#end(undefined),
      (thrown: unknown) => this.#end(asRunFailed(thrown)),
    );
  }

  /** Stops waiting for the run, and aborts its signal. From now on, it does not end. */
  giveUp(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#timeout);
    this.#abortFor(new Error(reason));
  }

  async #call(): Promise<void> {
    const { event, consumer } = this.#options;
    const read = readBody(event.body, event.eventHeader);
    const interpretation = interpret(read, event.signedAt);
    const logged = {
      type: event.type ?? '',
      json: read.json ?? {},
      event: interpretation.kind === 'event' ? interpretation.event : undefined,
      signedAt: new Date(event.signedAt * 1000),
    };
    await consumer.run(logged, this.#context(event));
  }

  #context(event: HandlerEvent): HandlerContext {
    const { tools } = this.#options;
    const signal = () => this.#signal();
    return {
      event: event.type ?? '',
      seq: event.seq,
      idempotencyKey: event.bodySha256,
      attempt: this.attempt,
      path: event.path,
      signedAt: new Date(event.signedAt * 1000),
      receivedAt: new Date(event.receivedAtMs),
      body: typeof event.body === 'string' ? event.body : Buffer.from(event.body).toString('utf8'),
      get signal() {
        return signal();
      },
      log: (level, message) => tools.log(level, `seq ${event.seq}: ${message}`),
      query: tools.query,
    };
  }

  #signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#abortedFor !== undefined) this.#abort.abort(this.#abortedFor);
    return this.#abort.signal;
  }

  #abortFor(error: Error): void {
    this.#abortedFor ??= error;
    this.#abort?.abort(this.#abortedFor);
  }

  #end(error: RunFailed | undefined): void {
    if (this.#hasEnded) return; // it has already timed out
    this.#hasEnded = true;
    clearTimeout(this.#timeout);
    this.#options.onEnd(this, error);
  }
}
