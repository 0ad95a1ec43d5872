/** JSON for people to read. */

/** Deeper than anything that a sender means; indenting costs its square. */
const DEPTH_MAX = 64;

/** @returns the same JSON, indented; undefined: it is no JSON, or nested so deeply that it would be mostly spaces */
export function indentedJson(text: string): string | undefined {
  if (depthOf(text) > DEPTH_MAX) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}

/** Of brackets outside strings. */
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
