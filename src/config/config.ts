/**
 * Reads the environment once, into a Config. All wrong values are reported together, with their names and what is
 * allowed. Nothing else in this program reads the environment.
 */

import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { ADMIN_TOKEN_CHARS_MIN, checkLimits } from '../core/limits.ts';
import { LOG_LEVELS, type LogFormat, type LogLevel } from '../core/logger.ts';
import type { ForwardOptions } from '../handlers/forward.ts';
import { type AddressRanges, parseAddressRanges } from '../http/guard/address-ranges.ts';
import { parseEnvFile } from './env-file.ts';
import { forwardOptions } from './forward-options.ts';
import { databasePath, pathProblem } from './given-path.ts';
import { readTextFile } from './text-file.ts';
import { withVariableFiles } from './variable-files.ts';
import { type Environment, FROM_FILES, listOf, set, suspicions } from './variables.ts';

export interface Config {
  /** 0 means any free port. */
  readonly port: number;
  /** Undefined means all interfaces. */
  readonly host: string | undefined;
  /** Descriptor of a listening socket that a supervisor holds for this process; PORT and HOST are ignored then. */
  readonly listenFd: number | undefined;
  /** A supervisor holds a socket that is meant for another process, for example npm or a shell that starts this one. */
  readonly isSocketOfAnother: boolean;
  readonly environment: 'development' | 'production' | 'test';
  /** If empty, none is set and the development secret is used. */
  readonly secrets: readonly string[];
  /** Old secrets, which may have signed events in the log. Deliveries signed with them are not accepted. */
  readonly retiredSecrets: readonly string[];
  readonly skipSignatureVerification: boolean;
  /** Seconds, into the past and into the future. */
  readonly maxAgeS: number;
  readonly bodyBytesMax: number;
  /** Absolute path. */
  readonly databasePath: string;
  /** Requests per client and window; 0 = off. */
  readonly rateLimitMax: number;
  readonly rateLimitWindowMs: number;
  readonly rateLimitSkipVerified: boolean;
  readonly trustedProxies: AddressRanges;
  readonly handlers: {
    /** Absolute path of the user's module; undefined for the handlers in src/handlers. */
    readonly modulePath: string | undefined;
    /** Timeout of one run, milliseconds. */
    readonly timeoutMs: number;
    /** Maximum number of concurrent runs. */
    readonly runsMax: number;
    /** Undefined if forwarding is off. */
    readonly forward: ForwardOptions | undefined;
  };
  readonly admin: {
    /** 0 if the admin pages are off. */
    readonly port: number;
    readonly host: string;
    /** Undefined if the server creates one and stores it next to the database. */
    readonly token: string | undefined;
  };
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Values that are probably mistakes, one per line. */
  readonly warnings: readonly string[];
}

/** All wrong values, one per line, then the warnings. The program exits with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], warnings: readonly string[] = []) {
    const marked = [...problems, ...warnings.map((warning) => `warning: ${warning}`)];
    super(`the configuration is invalid:\n${marked.map((line) => `  ${line}`).join('\n')}`);
    this.problems = problems;
  }
}

export const EX_CONFIG = 78;

/** systemd's first descriptor of LISTEN_FDS; see sd_listen_fds(3). */
const LISTEN_FDS_START = 3;

/**
 * Loads `.env` from the working directory into the environment, if it exists. Variables already set are kept.
 * @returns warnings for readConfig()
 * @throws ConfigError if the file cannot be read
 */
export function loadEnvFile(): readonly string[] {
  if (lstatSync('.env', { throwIfNoEntry: false }) === undefined) return [];
  const file = readTextFile('.env');
  if ('problem' in file) throw new ConfigError([`${resolve('.env')} ${file.problem}`]);
  const { variables, warnings } = parseEnvFile(file.text);
  const isOverruled = new Set(Object.keys(process.env));
  for (const [name, value] of Object.entries(variables))
    if (!isOverruled.has(otherForm(name) ?? '')) process.env[name] ??= value;
  return warnings
    .filter(({ variable }) => variable === undefined || !isOverruled.has(variable))
    .map(({ text }) => text);
}

/** NAME for NAME_FILE, and the other way round: `.env` does not override either form in the environment. */
function otherForm(name: string): string | undefined {
  const plain = name.replace(/_FILE$/, '');
  if (!FROM_FILES.includes(plain)) return undefined;
  return plain === name ? `${name}_FILE` : plain;
}

/**
 * @param pid this process: a supervisor's socket is for the process in LISTEN_PID
 * @param fileWarnings the result of loadEnvFile()
 * @throws ConfigError
 */
export function readConfig(
  given: Environment,
  pid: number = process.pid,
  fileWarnings: readonly string[] = [],
): Config {
  const problems: string[] = [];
  const env = withVariableFiles(given, problems);
  const warnings = [...fileWarnings, ...suspicions(env)];
  const wrong = (name: string, allowed: string) => {
    problems.push(`${name}=${JSON.stringify(env[name])}: must be ${allowed}`);
  };

  function oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = set(env, name) ?? fallback;
    if (!(allowed as readonly string[]).includes(value)) wrong(name, allowed.join(' or '));
    return value as T;
  }
  function integer(name: string, min: number, max: number, fallback: number, unit: string): number {
    const text = set(env, name);
    if (text === undefined) return fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) wrong(name, `a whole number from ${min} to ${max}${unit}`);
    return value;
  }

  const environment = oneOf('NODE_ENV', ['development', 'production', 'test'], 'development');
  const secrets = listOf(env, 'WEBHOOK_SECRET');
  const retiredSecrets = listOf(env, 'WEBHOOK_SECRETS_RETIRED');
  if (retiredSecrets.some((secret) => secrets.includes(secret))) {
    problems.push(
      'WEBHOOK_SECRETS_RETIRED: one of its secrets is also in WEBHOOK_SECRET: remove it from one of the two',
    );
  }
  const skipSignatureVerification =
    oneOf('SKIP_SIGNATURE_VERIFICATION', ['true', 'false'], 'false') === 'true';
  const trusted = parseAddressRanges(set(env, 'TRUST_PROXY') ?? 'loopback');
  if ('wrong' in trusted) {
    wrong(
      'TRUST_PROXY',
      `"none" or a list of "loopback", addresses and ranges; ${JSON.stringify(trusted.wrong)} is not valid`,
    );
  }
  const database = databasePath(set(env, 'DATABASE_URL') ?? 'file:data/irisx.db');
  if ('problem' in database) problems.push(`DATABASE_URL: ${database.problem}`);
  const hasSecretFile = set(env, 'WEBHOOK_SECRET_FILE') !== undefined;
  if (environment === 'production' && secrets.length === 0 && !hasSecretFile) {
    problems.push(
      'WEBHOOK_SECRET is not set: with NODE_ENV=production it must be the secret from the IRISX dashboard',
    );
  }
  if (skipSignatureVerification && env['NODE_ENV'] !== 'development') {
    problems.push('SKIP_SIGNATURE_VERIFICATION=true: allowed only if NODE_ENV=development is set too');
  }

  const adminHost = set(env, 'ADMIN_HOST') ?? '127.0.0.1';
  const adminPort = integer('ADMIN_PORT', 0, 65_535, 3001, ' (0 = off)');
  const adminToken = set(env, 'ADMIN_TOKEN');
  if (adminToken !== undefined && adminToken.length < ADMIN_TOKEN_CHARS_MIN) {
    problems.push(
      `ADMIN_TOKEN has ${adminToken.length} characters: must have at least ${ADMIN_TOKEN_CHARS_MIN}; \`openssl rand -hex 16\` generates one`,
    );
  }

  const modulePath = set(env, 'HANDLERS');
  const modulePathProblem = pathProblem(modulePath ?? '');
  if (modulePathProblem !== undefined)
    problems.push(`HANDLERS=${JSON.stringify(modulePath)}: ${modulePathProblem}`);
  const forward = forwardOptions(env, problems);

  const hasSocket = set(env, 'LISTEN_FDS') !== undefined;
  const isSocketOurs = hasSocket && set(env, 'LISTEN_PID') === String(pid);
  if (isSocketOurs) integer('LISTEN_FDS', 1, 1, 1, ': this program listens on one socket');

  const port = integer('PORT', 0, 65_535, 3000, '');
  if (adminPort !== 0 && adminPort === port)
    problems.push(`ADMIN_PORT=${adminPort}: is the same as PORT: set it to another port, or to 0 (off)`);
  const bodyBytesMax = integer('MAX_BODY_BYTES', 1024, 16 * 1024 * 1024, 1024 * 1024, ' (bytes)');
  const config: Config = {
    port,
    host: set(env, 'HOST'),
    listenFd: isSocketOurs ? LISTEN_FDS_START : undefined,
    isSocketOfAnother: hasSocket && !isSocketOurs,
    environment,
    secrets,
    retiredSecrets,
    skipSignatureVerification,
    maxAgeS: integer('MAX_AGE', 1, 86_400, 300, ' (seconds)'),
    bodyBytesMax,
    databasePath: 'path' in database ? database.path : '',
    rateLimitMax: integer('RATE_LIMIT_MAX', 0, 1_000_000_000, 1000, ' (requests, 0 = off)'),
    rateLimitWindowMs: integer('RATE_LIMIT_WINDOW_MS', 1000, 86_400_000, 900_000, ' (milliseconds)'),
    rateLimitSkipVerified: oneOf('RATE_LIMIT_SKIP_VERIFIED', ['true', 'false'], 'true') === 'true',
    trustedProxies: 'wrong' in trusted ? { has: () => false } : trusted,
    handlers: {
      modulePath: modulePath === undefined ? undefined : resolve(modulePath),
      timeoutMs: integer('HANDLER_TIMEOUT_MS', 100, 3_600_000, 30_000, ' (milliseconds)'),
      runsMax: integer('HANDLER_CONCURRENCY', 1, 64, 8, ' (concurrent runs)'),
      forward,
    },
    admin: { port: adminPort, host: adminHost, token: adminToken },
    logLevel: oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    logFormat: oneOf('LOG_FORMAT', ['text', 'json'], environment === 'production' ? 'json' : 'text'),
    warnings,
  };
  if (problems.length === 0) problems.push(...checkLimits(bodyBytesMax));
  if (problems.length > 0) throw new ConfigError(problems, warnings);
  return config;
}
