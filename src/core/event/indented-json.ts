/** JSON for people to read. */

import { INDENTED_DEPTH_MAX } from '../limits.ts';

/** @returns the same JSON, indented; undefined if it is not valid JSON or is nested too deeply */
export function indentedJson(text: string): string | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isWithin(INDENTED_DEPTH_MAX, json) ? JSON.stringify(json, null, 2) : undefined;
  } catch {
    return undefined;
  }
}

function isWithin(levels: number, json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return true;
  return levels > 0 && Object.values(json).every((inner) => isWithin(levels - 1, inner));
}
