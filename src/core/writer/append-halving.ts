/**
 * Appends a batch so that one bad delivery cannot make the others fail. A batch that fails for a reason other than
 * storage is halved until the delivery that causes the failure is alone. That delivery is appended without being
 * folded, because signed bytes belong in the log. It is refused only if that fails too.
 */

import type { BatchAppender, BatchResult } from '../../engines/sqlite/append-batch.ts';
import { faultText, storageFault } from '../../engines/sqlite/file/storage-fault.ts';
import type { Delivery, Outcome, Refused } from '../event/delivery.ts';
import { defectReason } from '../tables/fold-event.ts';

export interface HalvingResult {
  /** One for each delivery, in order. */
  readonly outcomes: readonly Outcome[];
  /** The state after the last committed transaction; undefined if none was committed. */
  readonly tables: Omit<BatchResult, 'outcomes'> | undefined;
  /** Set if storage was busy or full: every delivery from that point on is refused. */
  readonly fault: StorageProblem | undefined;
  /** One line for each delivery that could not be folded, or not even appended. */
  readonly defects: readonly string[];
}

export interface StorageProblem {
  readonly kind: 'busy' | 'full';
  readonly text: string;
}

const REASONS = { full: 'storage_full', busy: 'storage_busy' } as const;

/**
 * @returns when every delivery is fsynced or refused
 * @throws errors that storageFault() classifies as `lost`, and errors that occur even without a delivery
 */
export function appendHalving(appender: BatchAppender, deliveries: readonly Delivery[]): HalvingResult {
  const outcomes: Outcome[] = [];
  const defects: string[] = [];
  let tables: HalvingResult['tables'];
  let fault: StorageProblem | undefined;

  appendPart(deliveries);
  return { outcomes, tables, fault, defects };

  function appendPart(part: readonly Delivery[]): void {
    const failed = attempt(part.length, () => appender.append(part));
    if (failed === undefined) return;
    const [delivery] = part;
    if (delivery === undefined) throw failed.defect;
    if (part.length === 1) return appendUnfolded(delivery, failed.defect);
    const middle = Math.ceil(part.length / 2);
    appendPart(part.slice(0, middle));
    appendPart(part.slice(middle));
  }

  function appendUnfolded(delivery: Delivery, defect: unknown): void {
    const second = attempt(1, () => appender.appendUnfolded(delivery, defectReason(defect)));
    if (second !== undefined) {
      outcomes.push({ kind: 'refused', reason: 'storage_failed' });
      defects.push(`a delivery could not be appended and was answered with 503: ${faultText(second.defect)}`);
      return;
    }
    const outcome = outcomes.at(-1);
    if (outcome?.kind === 'recorded' && !outcome.duplicate)
      defects.push(`seq ${outcome.seq} was recorded, but could not be folded: ${faultText(defect)}`);
  }

  /** @returns what was thrown; undefined if each of the `count` deliveries has an outcome */
  function attempt(count: number, append: () => BatchResult): { readonly defect: unknown } | undefined {
    try {
      if (fault === undefined) {
        const result = append();
        outcomes.push(...result.outcomes);
        tables = result;
        return undefined;
      }
    } catch (error) {
      const kind = storageFault(error);
      if (kind === 'lost') throw error;
      if (kind === 'other') return { defect: error };
      fault = { kind, text: faultText(error) };
    }
    const refused: Refused = { kind: 'refused', reason: REASONS[fault.kind] };
    for (let index = 0; index < count; index++) outcomes.push(refused);
    return undefined;
  }
}
