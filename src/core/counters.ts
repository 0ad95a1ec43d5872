/** Counts of what has happened since the start, by name: the one place that metrics and the last log line read. */

export interface Counters {
  /** Adds one to `name`. */
  add(name: string): void;
  /** A copy of all counts. */
  read(): Record<string, number>;
}

export function createCounters(): Counters {
  const counts = new Map<string, number>();
  return {
    add: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1),
    read: () => Object.fromEntries(counts),
  };
}
