/** The cases of test/real-world.test.ts. */

export interface Sent {
  readonly body: object;
  /** What the answer says besides `success: true`. */
  readonly warnings?: readonly string[];
}

export interface Case {
  readonly name: string;
  readonly sent: readonly Sent[];
  readonly sql: string;
  readonly rows: readonly Record<string, unknown>[];
}

/** @param at its `timestamp`, of any kind */
export function sent(event: string, data: object, warnings: readonly string[] = [], at?: unknown): Sent {
  return { body: { event, ...(at !== undefined && { timestamp: at }), data }, warnings };
}

/** Of a time that cannot be read. */
export const NO_TIME = 'must be an ISO 8601 or RFC 2822 date or a Unix time, from 2000 to 2100, got';
