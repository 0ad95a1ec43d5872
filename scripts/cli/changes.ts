/** `--data name=value`: fields that replace or extend those of a sample. */

import { UsageError } from './command.ts';

const FIELD = /^([A-Za-z_][\w.-]*)(:?=)(.*)$/s;

/**
 * `name=value`: a number, true, false, null or other JSON keeps its type; anything else is text.
 * `name:=text`: always text.
 * @throws UsageError
 */
export function readChanges(given: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, sign, value] = FIELD.exec(text) ?? [];
      if (name === undefined || value === undefined) {
        throw new UsageError(`--data must be name=value, not ${JSON.stringify(text)}`);
      }
      return [name, sign === ':=' ? value : jsonOrText(value)];
    }),
  );
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
