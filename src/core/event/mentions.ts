/** Whether a body states a value, for example a call's id or a phone number, as text or as a number. */

/** A number that JSON.parse cannot represent exactly, but that may be an id. */
const WHOLE_NUMBER = /^\d{16,}$/;

/**
 * @param body the recorded bytes
 * @param value the text to find: a JSON string that is equal to it, or a number with these digits
 * @returns whether the body states the value; for a body that is not JSON, whether it contains the text
 */
export function mentions(body: Uint8Array, value: string): boolean {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return text.includes(value);
  }
  if (states(json, value)) return true;
  return WHOLE_NUMBER.test(value) && new RegExp(`[:,[\\s]${value}[,}\\]\\s]`).test(text);
}

function states(json: unknown, value: string): boolean {
  const waiting = [json]; // no recursion: a body may be nested deeper than the stack
  while (waiting.length > 0) {
    const each = waiting.pop();
    if (typeof each === 'object' && each !== null)
      for (const inner of Object.values(each)) waiting.push(inner);
    else if (each === value || (typeof each === 'number' && String(each) === value)) return true;
  }
  return false;
}
