/** A seeded random source: the same seed gives the same deliveries and the same order. */

export type Random = ReturnType<typeof seededRandom>;

const WARM_UP = 16;
const TWO_32 = 2 ** 32;

/** sfc32. @param seed a whole number, 0 ≤ seed < 2^53 */
export function seededRandom(seed: number) {
  let a = seed >>> 0;
  let b = Math.floor(seed / TWO_32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;

  const next32 = () => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  for (let round = 0; round < WARM_UP; round++) next32();

  /** 0 ≤ n < 1 */
  const next = () => next32() / TWO_32;
  /** A whole number, 0 ≤ n < limit. */
  const below = (limit: number) => Math.floor(next() * limit);
  /** @param items at least one */
  const pick = <T>(items: readonly T[]) => items[below(items.length)] as T;
  /** Version 4. */
  const uuid = () => {
    const hex = Array.from({ length: 4 }, () => next32().toString(16).padStart(8, '0')).join('');
    const variant = pick(['8', '9', 'a', 'b']);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  return { next, below, pick, uuid };
}

/** A new array with the items in random order. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .sort((one, other) => one.order - other.order)
    .map(({ item }) => item);
}
