/** The outcome of the deliveries sent: read from each answer, summarized at the end. */

import { harmless } from '../../src/core/logger.ts';
import { counted, duration, grouped, perSecond } from './numbers.ts';
import type { Answer } from './post.ts';

/** One answer as it is shown. */
export interface Verdict {
  /** 2xx and `success: true`. */
  readonly isGood: boolean;
  readonly isDuplicate: boolean;
  /** `200 12 ms seq 4 duplicate` */
  readonly text: string;
}

export function readAnswer(answer: Answer, tookMs: number): Verdict {
  if (answer.kind === 'none') return { isGood: false, isDuplicate: false, text: harmless(answer.reason) };
  const json = jsonOf(answer.text);
  const isGood = answer.status >= 200 && answer.status < 300 && json['success'] === true;
  const isDuplicate = json['duplicate'] === true;
  const parts = [String(answer.status), duration(tookMs)];
  if (typeof json['seq'] === 'number') parts.push(`seq ${json['seq']}`);
  if (isDuplicate) parts.push('duplicate');
  if (!isGood) parts.push(json['success'] === false ? `unusable: ${problemOf(json)}` : problemOf(json));
  return { isGood, isDuplicate, text: parts.join(' ') };
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function problemOf({ error, message }: Record<string, unknown>): string {
  const stated = [error, message].filter((part) => typeof part === 'string');
  return harmless(stated.length === 0 ? 'not an answer from this receiver' : stated.join(': '));
}

export class Tally {
  readonly #tookMs: number[] = [];
  readonly #byStatus = new Map<string, number>();
  #duplicates = 0;
  #bad = 0;
  #firstBad: string | undefined;

  get sent(): number {
    return this.#tookMs.length;
  }

  /** Whether every delivery was answered with 2xx and `success: true`. */
  get isGood(): boolean {
    return this.#bad === 0;
  }

  add(label: string, answer: Answer, tookMs: number): Verdict {
    const verdict = readAnswer(answer, tookMs);
    const status = answer.kind === 'answer' ? String(answer.status) : answer.code;
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
    this.#tookMs.push(tookMs);
    if (verdict.isDuplicate) this.#duplicates += 1;
    if (!verdict.isGood) {
      this.#bad += 1;
      this.#firstBad ??= `${harmless(label)}: ${verdict.text}`;
    }
    return verdict;
  }

  /** @param ms the total time */
  summary(ms: number): string[] {
    const times = this.#tookMs.toSorted((one, other) => one - other);
    const at = (share: number) => duration(times[Math.ceil(times.length * share) - 1] ?? 0);
    const statuses = [...this.#byStatus].map(([status, count]) => `${status} × ${grouped(count)}`);
    const lines = [
      [
        `${grouped(times.length)} sent in ${duration(ms)}, ${perSecond(times.length, ms)}`,
        statuses.join(', '),
        counted(this.#duplicates, 'duplicate'),
        `p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}`,
      ].join('; '),
    ];
    if (this.#firstBad !== undefined)
      lines.push(`${grouped(this.#bad)} not accepted; the first: ${this.#firstBad}`);
    return lines;
  }
}
