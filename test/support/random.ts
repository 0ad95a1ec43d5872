/** A seeded random source, so that every random test can be repeated: that of the sample deliveries, with more choices. */

import {
  type Random as SampleRandom,
  seededRandom as seededSample,
  shuffled,
} from '../../scripts/cli/random.ts';

export interface Random extends Omit<SampleRandom, 'pick'> {
  pick<T>(items: readonly T[]): T;
  shuffle<T>(items: readonly T[]): T[];
  chance(probability: number): boolean;
}

/** @param seed a whole number, 0 ≤ seed < 2^53 */
export function seededRandom(seed: number): Random {
  const random = seededSample(seed);
  return {
    ...random,
    pick: (items) => items[random.below(items.length)] as (typeof items)[number],
    shuffle: (items) => shuffled(items, random),
    chance: (probability) => random.next() < probability,
  };
}
