/** The environment variables of this program, and the values in them that are probably mistakes. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** Several may be given, separated by commas. */
export const LISTS: readonly string[] = ['WEBHOOK_SECRET', 'WEBHOOK_SECRETS_RETIRED'];

/** Their values are never printed. */
const SECRETS: readonly string[] = [...LISTS, 'ADMIN_TOKEN', 'FORWARD_SECRET'];

/** For each of these, `NAME_FILE` is a variable too: the path of a file with the value. */
export const FROM_FILES: readonly string[] = [...SECRETS, 'DATABASE_URL'];

/** Every variable of this program. */
export const VARIABLES: readonly string[] = [
  ...FROM_FILES,
  ...FROM_FILES.map((name) => `${name}_FILE`),
  'PORT',
  'HOST',
  'LISTEN_FDS',
  'LISTEN_PID',
  'NODE_ENV',
  'SKIP_SIGNATURE_VERIFICATION',
  'MAX_AGE',
  'MAX_BODY_BYTES',
  'RATE_LIMIT_MAX',
  'RATE_LIMIT_WINDOW_MS',
  'RATE_LIMIT_SKIP_VERIFIED',
  'TRUST_PROXY',
  'HANDLERS',
  'HANDLER_TIMEOUT_MS',
  'HANDLER_CONCURRENCY',
  'FORWARD_URL',
  'FORWARD_EVENTS',
  'ADMIN_PORT',
  'ADMIN_HOST',
  'LOG_LEVEL',
  'LOG_FORMAT',
];

/** An empty value counts as not set. */
export function set(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

/** The values of a variable that may have several, without repetitions. */
export function listOf(env: Environment, name: string): string[] {
  const values = (set(env, name) ?? '').split(',').map((value) => value.trim());
  return [...new Set(values.filter((value) => value !== ''))];
}

const QUOTES = '["\'`´\u2018-\u201f\u2032\u2033\u00ab\u00bb\u2039\u203a]';
const QUOTED = new RegExp(`^${QUOTES}|${QUOTES}$`);

/** Control and invisible characters, line breaks, unusual spaces, and the replacement character for invalid UTF-8. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufffd]|(?! )\p{Zs}/u;

/** @returns warnings about values that are probably mistakes, one per line, without any part of a value */
export function suspicions(env: Environment): string[] {
  const found: string[] = [];
  for (const name of VARIABLES) {
    const values = LISTS.includes(name) ? listOf(env, name) : [set(env, name) ?? ''];
    for (const [index, value] of values.entries()) {
      const which = values.length > 1 ? `${name}, secret ${index + 1}` : name;
      if (QUOTED.test(value))
        found.push(
          `${which}: the value begins or ends with a quote character, which counts as part of it: remove the quotes if that is not intended (Docker's --env-file keeps quotes)`,
        );
      if (/\s#/.test(value))
        found.push(
          `${which}: the value contains a # after a space: remove the comment if it is one (Docker's --env-file keeps comments)`,
        );
      const hidden = SECRETS.includes(name) ? INVISIBLE.exec(value) : null;
      if (hidden !== null)
        found.push(
          `${which}: character ${hidden.index + 1} is ${codeOf(hidden[0])}, which is invisible: remove it if it is not intended`,
        );
    }
  }
  return [...found, ...slips(env)];
}

/** Names that differ from ours only in an underscore, a plural s, or upper and lower case. */
function slips(env: Environment): string[] {
  const ours = new Map(VARIABLES.map((name) => [skeleton(name), name]));
  return Object.keys(env).flatMap((name) => {
    const meant = ours.get(skeleton(name));
    if (meant === undefined || VARIABLES.includes(name) || set(env, name) === undefined) return [];
    return [`${name} is not a variable of this program: did you mean ${meant}?`];
  });
}

function skeleton(name: string): string {
  return name.toUpperCase().replace(/S?(?:[^A-Z0-9]|$)/g, '');
}

function codeOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
