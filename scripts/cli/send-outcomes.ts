/** The outcomes of the deliveries sent: read from each answer, summarized at the end. */

import { harmless } from '../../src/core/logger.ts';
import { Latencies } from './latencies.ts';
import { counted, duration, grouped, perSecond } from './numbers.ts';
import type { Answer } from './post.ts';

export class SendOutcomes {
  readonly #latencies = new Latencies();
  readonly #byStatus = new Map<string, number>();
  #duplicates = 0;
  #unaccepted = 0;
  #firstUnaccepted = '';

  get sent(): number {
    return this.#latencies.count;
  }

  /** Whether every delivery was answered with 2xx and `success: true`. */
  get isGood(): boolean {
    return this.#unaccepted === 0;
  }

  /** @returns the answer for display: `200 12 ms seq 4 duplicate` */
  add(label: string, answer: Answer, tookMs: number): string {
    const { isGood, isDuplicate, text } = readAnswer(answer, tookMs);
    const status = answer.kind === 'answer' ? String(answer.status) : answer.code;
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
    this.#latencies.add(tookMs);
    if (isDuplicate) this.#duplicates += 1;
    if (!isGood) {
      this.#unaccepted += 1;
      if (this.#unaccepted === 1) this.#firstUnaccepted = `${harmless(label)}: ${text}`;
    }
    return text;
  }

  /** @param ms the total time */
  summary(ms: number): string[] {
    const at = (percentile: number) => duration(this.#latencies.percentileMs(percentile));
    const counts = [
      `${grouped(this.sent)} sent in ${duration(ms)}, ${perSecond(this.sent, ms)}`,
      [...this.#byStatus].map(([status, count]) => `${status} × ${grouped(count)}`).join(', '),
      counted(this.#duplicates, 'duplicate'),
      `p50 ${at(50)}, p99 ${at(99)}, max ${duration(this.#latencies.maxMs)}`,
    ];
    const unaccepted = `${grouped(this.#unaccepted)} not accepted; the first: ${this.#firstUnaccepted}`;
    return [counts.join('; '), ...(this.isGood ? [] : [unaccepted])];
  }
}

function readAnswer(answer: Answer, tookMs: number) {
  if (answer.kind === 'no-answer')
    return { isGood: false, isDuplicate: false, text: harmless(answer.reason) };
  const json = jsonOf(answer.text);
  const isGood = answer.status >= 200 && answer.status < 300 && json['success'] === true;
  const isDuplicate = json['duplicate'] === true;
  const parts = [String(answer.status), duration(tookMs)];
  if (typeof json['seq'] === 'number') parts.push(`seq ${json['seq']}`);
  if (isDuplicate) parts.push('duplicate');
  const { warnings } = json;
  if (Array.isArray(warnings)) parts.push(`left out: ${warnings.join('; ')}`);
  if (!isGood) parts.push(json['success'] === false ? `unusable: ${problemOf(json)}` : problemOf(json));
  return { isGood, isDuplicate, text: parts.join(' ') };
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function problemOf({ error, message }: Record<string, unknown>): string {
  const stated = [error, message].filter((part) => typeof part === 'string');
  return harmless(stated.length === 0 ? 'not an answer from this receiver' : stated.join(': '));
}
