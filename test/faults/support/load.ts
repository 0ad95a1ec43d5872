/**
 * A load of signed deliveries, like that of a sender: over keep-alive connections, with every event sent again until it
 * is answered 200. Each 200 is written to the ledger first.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../../scripts/cli/random.ts';
import { sampleLog } from '../../../scripts/cli/sample-log.ts';
import type { Ledger } from '../../support/ledger.ts';
import { openRaw, type RawConnection, signedRequest } from '../../support/raw.ts';
import { until } from '../../support/receiver.ts';

/** A delivery to send. */
export interface Outgoing {
  readonly body: string;
  readonly headers?: Record<string, string>;
}

export interface LoadOptions {
  readonly port: number;
  readonly ledger: Ledger;
  readonly connections: number;
  /** The next delivery; undefined if none is left. */
  readonly next: () => Outgoing | undefined;
  /**
   * Open loop: one delivery is due every 1/rate seconds, whether or not earlier ones have been answered. Without it,
   * each connection sends as soon as it has its answer.
   */
  readonly ratePerSecond?: number;
  /** The address to send from. */
  readonly localAddress?: string;
}

export interface LoadCounts {
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /** Connections that were refused. */
  refused: number;
  /** Connections that ended while an answer was due. */
  broken: number;
  /** For each 200: milliseconds since the delivery was sent or, in an open loop, since it was due. */
  readonly tookMs: number[];
  /** The longest time between two 200s. */
  silenceMs: number;
}

export interface Load {
  readonly counts: LoadCounts;
  /** Deliveries that were sent and never answered: they may be in the log or not. */
  readonly unanswered: Set<string>;
  /** Resolves when all of `next` has been answered 200, or after finish() or stop(). */
  readonly done: Promise<unknown>;
  /** Takes no more from `next`; resends the rest until it is answered 200. @throws Error if that takes too long */
  finish(): Promise<void>;
  /** Stops immediately. */
  stop(): Promise<void>;
  /**
   * Resolves when `count` more deliveries have been acknowledged than at the time of the call.
   * @throws Error if nothing is acknowledged for longer than any case may keep the server unavailable
   */
  acknowledged(count: number): Promise<void>;
}

const RETRY_MS = 10;
/** Longer than any fault lasts: a load that has to wait longer is waiting for a dead server. */
const WAIT_MS_MAX = 100_000;
/** The longest permitted time without a 200. */
const SILENCE_MS_MAX = 40_000;

export function startLoad(options: LoadOptions): Load {
  const { ledger, ratePerSecond } = options;
  const counts: LoadCounts = { statuses: new Map(), refused: 0, broken: 0, tookMs: [], silenceMs: 0 };
  const unanswered = new Set<string>();
  const startedMs = performance.now();
  let isFinishing = false;
  let isStopped = false;
  let lastMs = startedMs;
  let slot = 0;
  const open = new Set<RawConnection>();

  async function sender(): Promise<void> {
    let connection: RawConnection | undefined;
    while (!isFinishing && !isStopped) {
      const outgoing = options.next();
      if (outgoing === undefined) break;
      const dueMs =
        ratePerSecond === undefined ? performance.now() : startedMs + (slot++ * 1000) / ratePerSecond;
      if (dueMs > performance.now()) await pause(dueMs - performance.now());
      for (let isTaken = false; !isTaken && !isStopped; ) {
        try {
          connection ??= await connectTo();
          connection.send(signedRequest(outgoing.body, { headers: outgoing.headers ?? {} }));
          unanswered.add(outgoing.body);
          const answer = await connection.next();
          unanswered.delete(outgoing.body);
          isTaken = answer.status === 200;
          if (isTaken) take(outgoing.body, JSON.parse(answer.body).seq, dueMs);
          counts.statuses.set(answer.status, (counts.statuses.get(answer.status) ?? 0) + 1);
          if (answer.headers['connection'] === 'close') leave();
          if (!isTaken) await pause(RETRY_MS);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') counts.refused += 1;
          else counts.broken += 1;
          leave();
          if (!isStopped) await pause(RETRY_MS);
        }
      }
    }
    leave();

    async function connectTo(): Promise<RawConnection> {
      const opened = await openRaw(options.port, options.localAddress);
      open.add(opened);
      return opened;
    }
    function leave(): void {
      connection?.close();
      if (connection !== undefined) open.delete(connection);
      connection = undefined;
    }
  }

  function take(body: string, seq: number, sinceMs: number): void {
    ledger.acknowledge(body, seq);
    const nowMs = performance.now();
    counts.tookMs.push(nowMs - sinceMs);
    counts.silenceMs = Math.max(counts.silenceMs, nowMs - lastMs);
    lastMs = nowMs;
  }

  const done = Promise.all(Array.from({ length: options.connections }, sender));
  return {
    counts,
    unanswered,
    done,
    async finish() {
      isFinishing = true;
      let isFinished = false;
      void done.then(() => {
        isFinished = true;
      });
      await until(() => isFinished, 'every delivery is answered 200', WAIT_MS_MAX);
    },
    async stop() {
      isStopped = true;
      for (const connection of open) connection.close();
      await done;
    },
    async acknowledged(count) {
      const goal = ledger.size + count;
      let seen = ledger.size;
      let sinceMs = performance.now();
      while (ledger.size < goal && !isStopped) {
        if (ledger.size > seen) {
          seen = ledger.size;
          sinceMs = performance.now();
        }
        if (performance.now() - sinceMs > SILENCE_MS_MAX) throw new Error(`no 200 for ${SILENCE_MS_MAX} ms`);
        await pause(1);
      }
    },
  };
}

/** A realistic mix of all types and shapes, no two alike. @param count at most */
export function sampleDeliveries(seed: number, count = Number.MAX_SAFE_INTEGER): () => Outgoing | undefined {
  const log = sampleLog(seededRandom(seed), count, Date.now() - 3_600_000);
  return () => {
    const { value } = log.next();
    if (value === undefined) return undefined;
    return { body: value.body, headers: { 'X-IRISX-Event': value.type, 'X-IRISX-Event-ID': value.eventId } };
  };
}

/** @param share 0.99: the value that 99 of 100 do not exceed */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
}
