/** JSON for people to read. */

import { INDENTED_DEPTH_MAX } from '../limits.ts';

/** @returns the same JSON, indented; undefined if it is not valid JSON or is nested too deeply */
export function indentedJson(text: string): string | undefined {
  if (depthOf(text) > INDENTED_DEPTH_MAX) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}

/** Nesting depth of brackets outside strings. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isString = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (isString) {
      if (character === '\\') index += 1;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    else if (character === ']' || character === '}') depth -= 1;
  }
  return deepest;
}
