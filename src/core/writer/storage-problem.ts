/** The faults of the storage that may pass: how deliveries are refused meanwhile, and what an operator can do. */

import type { EngineErrorKind } from '../engine-error.ts';
import type { Refused } from '../event/delivery.ts';

interface PassingFault {
  readonly reason: Refused['reason'];
  /** For the log. */
  readonly hint: string;
}

export const PASSING_FAULTS = {
  full: { reason: 'storage_full', hint: 'free some disk space' },
  busy: { reason: 'storage_busy', hint: 'another process holds the write lock' },
  unavailable: { reason: 'storage_failed', hint: 'check that the database can be reached' },
  unknown: { reason: 'storage_failed', hint: 'the connection to the database was lost' },
} as const satisfies Partial<Record<EngineErrorKind, PassingFault>>;

export interface StorageProblem {
  readonly kind: keyof typeof PASSING_FAULTS;
  readonly text: string;
}

export function mayPass(kind: string): kind is StorageProblem['kind'] {
  return kind in PASSING_FAULTS;
}
