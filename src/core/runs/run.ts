/** One attempt of a consumer to handle one event: its parameters, its timeout and its single result. */

import type { UnfinishedEvent } from '../engine/run-store.ts';
import { IRISX } from '../packaging.ts';
import { asRunFailed, type Consumer, RunFailed } from './consumer.ts';
import type { ReadEvent } from './next-events.ts';
import type { RunContext } from './run-context.ts';

/** Tools for a run, in addition to its event. */
export type RunTools = Pick<RunContext, 'log' | 'query'>;

export interface RunOptions {
  readonly read: ReadEvent;
  readonly consumer: Consumer;
  /** What is stored of the event, if it is unfinished. */
  readonly stored: UnfinishedEvent | undefined;
  readonly tools: RunTools;
  /** Whether no table has the event; asked only if that is possible. */
  readonly isUnfolded: () => Promise<boolean>;
  /** Called once, never within `start`. @param error undefined if the run succeeded */
  readonly onEnd: (run: Run, error: RunFailed | undefined) => void;
}

export class Run {
  readonly seq: number;
  readonly subject: string | null;
  readonly attempt: number;
  /** Whether its event was unfinished at the start. */
  readonly isStored: boolean;
  /** Whether the position must not pass its event until it has ended. */
  holdsPosition: boolean;
  /** Whether a replay has covered its event since it started: its result does not count. */
  isSuperseded = false;
  readonly #options: RunOptions;
  #timeout: NodeJS.Timeout | undefined;
  readonly #abort = new AbortController();
  #hasEnded = false;

  constructor(options: RunOptions) {
    const { read, stored } = options;
    this.#options = options;
    this.seq = read.seq;
    this.subject = stored === undefined ? read.subject : stored.subject;
    this.attempt = (stored?.attempts ?? 0) + 1;
    this.isStored = stored !== undefined;
    this.holdsPosition = !this.isStored;
  }

  /** Runs the consumer's code. Record the run as in progress before the call. */
  start(): void {
    const { timeoutMs } = this.#options.consumer;
    this.#timeout = setTimeout(() => {
      const error = new RunFailed(`it took longer than ${timeoutMs} ms`);
      this.#abort.abort(error);
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
    this.#abort.abort(new Error(reason));
  }

  async #call(): Promise<void> {
    const { read, consumer, isUnfolded } = this.#options;
    if (read.mayBeUnfolded && (await isUnfolded())) {
      const text = `no table has this event, because it could not be folded: run ${IRISX} rebuild first`;
      throw new RunFailed(text, { isFinal: true });
    }
    if (!this.#hasEnded) await consumer.run(read.logged, this.#context());
  }

  #context(): RunContext {
    const { tools, read } = this.#options;
    const { event, logged } = read;
    return {
      event: logged.type,
      seq: event.seq,
      idempotencyKey: event.bodySha256,
      attempt: this.attempt,
      path: event.path,
      signedAt: logged.signedAt,
      receivedAt: new Date(event.receivedAtMs),
      body: typeof event.body === 'string' ? event.body : Buffer.from(event.body).toString('utf8'),
      signal: this.#abort.signal,
      log: (level, message) => tools.log(level, `seq ${event.seq}: ${message}`),
      query: tools.query,
    };
  }

  #end(error: RunFailed | undefined): void {
    if (this.#hasEnded) return; // it has already timed out
    this.#hasEnded = true;
    clearTimeout(this.#timeout);
    this.#options.onEnd(this, error);
  }
}
