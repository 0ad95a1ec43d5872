/**
 * The writer thread: owns the only writing connection, commits one batch at a time, and reports an outcome for each
 * delivery. Housekeeping comes after the outcomes have been sent. If the storage is lost, it reports that once and never
 * uses the engine again.
 */

import type { MessagePort } from 'node:worker_threads';
import type { BatchResult, Engine, EngineWriter } from '../engine/engine.ts';
import { engineFault, errorText } from '../engine-error.ts';
import { STORAGE_RETRY_MS } from '../limits.ts';
import { Turns } from '../turns.ts';
import { appendHalving } from './append-halving.ts';
import {
  type FromWriter,
  type PackedBatch,
  packOutcomes,
  type ToWriter,
  unpackBatch,
} from './writer-messages.ts';

/** Opens the engine's writer and serves batches until `close` or a fault that ends it. */
export async function serveBatches(port: MessagePort, engine: Engine): Promise<void> {
  const send = (message: FromWriter) => port.postMessage(message);
  let writer: EngineWriter;
  let first: BatchResult;
  try {
    writer = await engine.openWriter();
    first = await writer.append([]).catch(async (error) => {
      if (engineFault(error) !== 'lost') await writer.close().catch(() => {});
      throw error;
    });
  } catch (error) {
    const text = errorText(error);
    const isWhole = engineFault(error) === 'refused';
    send({ kind: 'cannot-open', text: isWhole ? text : `${engine.location} cannot be used: ${text}` });
    port.close();
    return;
  }
  send({ kind: 'ready', head: first.head, lagging: first.lagging });

  let isClosed = false;
  let isCatchingUp = false;
  let isDraining = false;
  let retry: NodeJS.Timeout | undefined;
  const warn = (text: string) => send({ kind: 'log', level: 'warn', text });
  const reportDefect = (text: string) => send({ kind: 'log', level: 'error', text });
  /** Everything that uses the writer, one after another. */
  const turns = new Turns((error) => {
    throw error;
  });

  /** @param onFault called with what `work` throws, unless the storage is lost */
  function inTurn(work: () => Promise<void>, onFault: (error: unknown) => void): void {
    void turns.take(async () => {
      try {
        if (!isClosed) await work();
      } catch (error) {
        if (engineFault(error) === 'lost') lost(error);
        else onFault(error);
      }
    });
  }

  noteTables(first);
  port.on('message', (message: ToWriter) => {
    if (message.kind === 'drain') return drain();
    if (message.kind === 'close') return inTurn(close, lost);
    inTurn(
      async () => {
        await answer(message.batch, message.isDraining);
        await tidyUp();
      },
      (error) => {
        reportDefect(`the state of the tables could not be read: ${errorText(error)}`);
        send({ kind: 'answered', outcomes: packOutcomes([]), lagging: undefined, ms: 0 });
      },
    );
  });

  async function answer(batch: PackedBatch, shared: Int32Array): Promise<void> {
    if (!isDraining && Atomics.load(shared, 0) === 1) drain();
    const startMs = performance.now();
    const { outcomes, tables, fault, defects } = await appendHalving(
      writer,
      unpackBatch(batch),
      engine.projections,
    );
    const ms = performance.now() - startMs;
    if (fault !== undefined) send({ kind: 'failing', fault: fault.kind, text: fault.text });
    send({ kind: 'answered', outcomes: packOutcomes(outcomes), lagging: tables?.lagging, ms });
    for (const text of defects) reportDefect(text);
    if (tables !== undefined) noteTables(tables);
    // A duplicate writes nothing, so it does not prove that storage works.
    const hasWritten = outcomes.some((outcome) => outcome.kind === 'recorded' && !outcome.duplicate);
    if (fault !== undefined) retryLater();
    else if (hasWritten && retry !== undefined) recovered();
  }

  function noteTables({ isBehind, defect }: Omit<BatchResult, 'outcomes'>): void {
    if (defect !== undefined) reportDefect(defect);
    if (isBehind) catchUpSoon();
  }

  /** Stops long waits for another process's lock, and stops the recovery checks. */
  function drain(): void {
    isDraining = true;
    clearTimeout(retry);
    writer.drain();
  }

  /** Folds events that a process with other code did not fold, a piece at a time between batches. */
  function catchUpSoon(): void {
    if (isCatchingUp) return;
    isCatchingUp = true;
    const catchUp = async () => {
      isCatchingUp = false;
      const tables = await writer.append([]);
      noteTables(tables);
      if (!tables.isBehind) send({ kind: 'lagging', lagging: tables.lagging });
    };
    setImmediate(() =>
      inTurn(catchUp, (error) =>
        warn(`a table could not be brought up to date; the next delivery tries again: ${errorText(error)}`),
      ),
    );
  }

  /** While storage fails, tries a small real write every second to detect recovery. */
  function retryLater(): void {
    if (isDraining) return;
    const probe = async () => {
      retry = undefined;
      await writer.probe();
      recovered();
    };
    retry ??= setTimeout(() => inTurn(probe, retryLater), STORAGE_RETRY_MS);
  }

  function recovered(): void {
    clearTimeout(retry);
    retry = undefined;
    send({ kind: 'recovered' });
  }

  async function tidyUp(): Promise<void> {
    try {
      const problem = await writer.idle();
      if (problem !== undefined) warn(problem);
    } catch (error) {
      if (engineFault(error) === 'lost') throw error;
      warn(`the storage cannot be tidied up: ${errorText(error)}`);
    }
  }

  function lost(error: unknown): void {
    isClosed = true;
    clearTimeout(retry);
    port.removeAllListeners('message');
    send({ kind: 'lost', text: errorText(error) });
  }

  async function close(): Promise<void> {
    clearTimeout(retry);
    const { head, problem } = await writer.close();
    if (problem !== undefined) warn(`the last checkpoint failed; the next start repeats it: ${problem}`);
    isClosed = true;
    send({ kind: 'closed', head });
    port.close();
  }
}
