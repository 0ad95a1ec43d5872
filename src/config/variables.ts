/** Every environment variable of this program: what it may be, its default, and whether it is secret. */

import { BODY_BYTES_MAX } from '../core/limits.ts';
import { LOG_LEVELS } from '../core/logger.ts';
import * as kinds from './kinds.ts';

interface Variable {
  /** @param text trimmed and not empty, or the default @throws Invalid */
  readonly parse: (text: string) => unknown;
  /** The text that counts if the variable is not set. Without it, such a variable is undefined. */
  readonly default?: string;
  /** `NAME_FILE` is a variable too: the path of a file with the value. */
  readonly mayBeInFile?: true;
  /** Its value is never printed. */
  readonly isSecret?: true;
}

const secret = { mayBeInFile: true, isSecret: true } as const;

export const VARIABLES = {
  PORT: { parse: kinds.wholeNumber(0, 65_535), default: '3000' },
  HOST: { parse: String },
  LISTEN_FDS: { parse: kinds.wholeNumber(1, 1, ': this program listens on one socket') },
  LISTEN_PID: { parse: String },
  NODE_ENV: { parse: kinds.oneOf('development', 'production', 'test'), default: 'development' },
  WEBHOOK_SECRET: { parse: kinds.list, default: '', ...secret },
  WEBHOOK_SECRETS_RETIRED: { parse: kinds.list, default: '', ...secret },
  SKIP_SIGNATURE_VERIFICATION: { parse: kinds.yesOrNo, default: 'false' },
  MAX_AGE: { parse: kinds.wholeNumber(1, 86_400, ' (seconds)'), default: '300' },
  MAX_BODY_BYTES: { parse: kinds.wholeNumber(1024, BODY_BYTES_MAX, ' (bytes)'), default: '1048576' },
  DATABASE_URL: { parse: kinds.databasePath, default: 'file:data/irisx.db', mayBeInFile: true },
  RATE_LIMIT_MAX: { parse: kinds.wholeNumber(0, 1_000_000_000, ' (requests, 0 = off)'), default: '1000' },
  RATE_LIMIT_WINDOW_MS: { parse: kinds.wholeNumber(1000, 86_400_000, ' (milliseconds)'), default: '900000' },
  RATE_LIMIT_SKIP_VERIFIED: { parse: kinds.yesOrNo, default: 'true' },
  TRUST_PROXY: { parse: kinds.addressRanges, default: 'loopback' },
  HANDLERS: { parse: kinds.path },
  HANDLER_TIMEOUT_MS: { parse: kinds.wholeNumber(100, 3_600_000, ' (milliseconds)'), default: '30000' },
  HANDLER_CONCURRENCY: { parse: kinds.wholeNumber(1, 64, ' (concurrent runs)'), default: '8' },
  FORWARD_URL: { parse: kinds.httpUrl },
  FORWARD_EVENTS: { parse: kinds.eventTypes, default: '*' },
  FORWARD_SECRET: { parse: kinds.forwardKey, ...secret },
  ADMIN_PORT: { parse: kinds.wholeNumber(0, 65_535, ' (0 = off)'), default: '3001' },
  ADMIN_HOST: { parse: String, default: '127.0.0.1' },
  ADMIN_TOKEN: { parse: kinds.adminToken, ...secret },
  LOG_LEVEL: { parse: kinds.oneOf(...LOG_LEVELS), default: 'info' },
  /** Its default depends on NODE_ENV. */
  LOG_FORMAT: { parse: kinds.oneOf('text', 'json') },
} satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;

/** The value of a variable; undefined only if it is not set and has no default. */
export type ValueOf<Name extends VariableName> =
  | ReturnType<(typeof VARIABLES)[Name]['parse']>
  | ((typeof VARIABLES)[Name] extends { default: string } ? never : undefined);

/** The same table, for any name. */
export const DECLARED: Readonly<Record<string, Variable>> = VARIABLES;

export const FROM_FILES: readonly string[] = Object.keys(DECLARED).filter(
  (name) => DECLARED[name]?.mayBeInFile,
);

/** All names, with those of the files. */
export const NAMES: readonly string[] = [
  ...Object.keys(DECLARED),
  ...FROM_FILES.map((name) => `${name}_FILE`),
];

export type Environment = Readonly<Record<string, string | undefined>>;

/** An empty value counts as not set. */
export function given(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

/** @throws Invalid */
export function parsedValue<Name extends VariableName>(env: Environment, name: Name): ValueOf<Name> {
  const { parse, default: otherwise }: Variable = VARIABLES[name];
  const text = given(env, name) ?? otherwise;
  return (text === undefined ? undefined : parse(text)) as ValueOf<Name>;
}
