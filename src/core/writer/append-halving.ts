/**
 * Appends a batch so that one bad delivery cannot make the others fail. A batch that fails for a reason other than
 * storage is halved until the delivery that causes the failure is alone. That delivery is appended without being
 * folded, because signed bytes belong in the log. It is refused only if that fails too.
 */

import type { BatchResult, EngineWriter } from '../engine/engine.ts';
import { engineFault, errorText } from '../engine-error.ts';
import type { Delivery, Outcome, Refused } from '../event/delivery.ts';
import { type PreparedDelivery, prepare, prepareUnfolded } from '../tables/prepare.ts';
import type { Projection } from '../tables/projection.ts';
import { PASSING_FAULTS, type PassingFault } from './writer-messages.ts';

export interface HalvingResult {
  /** One for each delivery, in order. */
  readonly outcomes: readonly Outcome[];
  /** The state after the last committed transaction; undefined if none was committed. */
  readonly tables: Omit<BatchResult, 'outcomes'> | undefined;
  /** Set if storage failed: every delivery from that point on is refused. */
  readonly fault: { readonly kind: PassingFault; readonly text: string } | undefined;
  /** One line for each delivery that could not be folded, or not even appended. */
  readonly defects: readonly string[];
}

/**
 * @returns when every delivery is durable or refused
 * @throws EngineErrors after which the writer must not be used, and errors that occur even without a delivery
 */
export async function appendHalving(
  writer: Pick<EngineWriter, 'append'>,
  deliveries: readonly Delivery[],
  projections: readonly Projection[],
): Promise<HalvingResult> {
  const outcomes: Outcome[] = [];
  const defects: string[] = [];
  let tables: HalvingResult['tables'];
  let fault: HalvingResult['fault'];

  await appendPart(deliveries);
  return { outcomes, tables, fault, defects };

  async function appendPart(part: readonly Delivery[]): Promise<void> {
    const failed = await attempt(part, (delivery) => prepare(delivery, projections));
    if (failed === undefined) return;
    const [delivery] = part;
    if (delivery === undefined) throw failed.defect;
    if (part.length === 1) return appendUnfolded(delivery, failed.defect);
    const middle = Math.ceil(part.length / 2);
    await appendPart(part.slice(0, middle));
    await appendPart(part.slice(middle));
  }

  async function appendUnfolded(delivery: Delivery, defect: unknown): Promise<void> {
    const second = await attempt([delivery], (again) => prepareUnfolded(again, defect));
    if (second !== undefined) {
      outcomes.push({ kind: 'refused', reason: 'storage_failed' });
      defects.push(`a delivery could not be appended and was answered with 503: ${errorText(second.defect)}`);
      return;
    }
    const outcome = outcomes.at(-1);
    if (outcome?.kind === 'recorded' && !outcome.duplicate)
      defects.push(`seq ${outcome.seq} was recorded, but could not be folded: ${errorText(defect)}`);
  }

  /** @returns what was thrown; undefined if each delivery of the part has an outcome */
  async function attempt(
    part: readonly Delivery[],
    prepared: (delivery: Delivery) => PreparedDelivery,
  ): Promise<{ readonly defect: unknown } | undefined> {
    try {
      if (fault === undefined) {
        const result = await writer.append(part.map(prepared));
        outcomes.push(...result.outcomes);
        tables = result;
        return undefined;
      }
    } catch (error) {
      const kind = engineFault(error);
      if (kind === 'lost') throw error;
      if (!mayPass(kind)) return { defect: error };
      fault = { kind, text: errorText(error) };
    }
    const refused: Refused = { kind: 'refused', reason: PASSING_FAULTS[fault.kind].reason };
    for (const _ of part) outcomes.push(refused);
    return undefined;
  }
}

function mayPass(kind: string): kind is PassingFault {
  return kind in PASSING_FAULTS;
}
