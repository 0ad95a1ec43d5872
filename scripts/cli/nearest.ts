/** The known names that a mistyped one may have been meant as. */

/** @returns the `count` names that need the fewest inserted, removed or replaced characters, the nearest first */
export function nearest(text: string, names: readonly string[], count: number): string[] {
  return names
    .map((name) => ({ name, distance: editDistance(text, name) }))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}

/** Levenshtein's distance, by rows: `row[j]` is the one between what was read of `a` and the first `j` characters of `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, character] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (character === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
