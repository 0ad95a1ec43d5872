/** Values of variables that are probably mistakes. */

import { list } from './kinds.ts';
import { DECLARED, type Environment, given, NAMES } from './variables.ts';

const QUOTES = '["\'`´\u2018-\u201f\u2032\u2033\u00ab\u00bb\u2039\u203a]';
const QUOTED = new RegExp(`^${QUOTES}|${QUOTES}$`);

/** Control and invisible characters, line breaks, unusual spaces, and the replacement character for invalid UTF-8. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufffd]|(?! )\p{Zs}/u;

/** @returns warnings about values that are probably mistakes, one per line, without any part of a value */
export function suspicions(env: Environment): string[] {
  const found: string[] = [];
  for (const name of NAMES) {
    const text = given(env, name) ?? '';
    const values = DECLARED[name]?.parse === list ? list(text) : [text];
    for (const [index, value] of values.entries()) {
      const which = values.length > 1 ? `${name}, secret ${index + 1}` : name;
      const warn = (warning: string) => found.push(`${which}: ${warning}`);
      if (QUOTED.test(value))
        warn(
          "the value begins or ends with a quote character, which counts as part of it: remove the quotes if that is not intended (Docker's --env-file keeps quotes)",
        );
      if (/\s#/.test(value))
        warn(
          "the value contains a # after a space: remove the comment if it is one (Docker's --env-file keeps comments)",
        );
      const hidden = DECLARED[name]?.isSecret ? INVISIBLE.exec(value) : null;
      if (hidden !== null)
        warn(
          `character ${hidden.index + 1} is ${codeOf(hidden[0])}, which is invisible: remove it if it is not intended`,
        );
    }
  }
  return [...found, ...misspelledNames(env)];
}

/** Names that differ from ours only in an underscore, a plural s, or upper and lower case. */
function misspelledNames(env: Environment): string[] {
  const ours = new Map(NAMES.map((name) => [comparable(name), name]));
  return Object.keys(env).flatMap((name) => {
    const meant = ours.get(comparable(name));
    if (meant === undefined || NAMES.includes(name) || given(env, name) === undefined) return [];
    return [`${name} is not a variable of this program: did you mean ${meant}?`];
  });
}

/** The same for names that differ only in such details. */
function comparable(name: string): string {
  return name.toUpperCase().replace(/S?(?:[^A-Z0-9]|$)/g, '');
}

function codeOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
