/** A table for a terminal: columns are as wide as their widest cell, numbers are right-aligned. */

const GAP = '  ';

/** @param right the indexes of the right-aligned columns, from 0 */
export function alignedLines(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string[] {
  const lines = [titles, ...rows];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join(GAP)
      .trimEnd(),
  );
}
