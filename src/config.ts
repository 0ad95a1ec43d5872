/**
 * The environment, read once, into a Config. Every wrong value is reported at once, with its name and what is
 * allowed. Nothing else in this program looks at the environment.
 */

import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { type AddressRanges, parseAddressRanges } from './core/address-ranges.ts';
import { ADMIN_TOKEN_CHARS_MIN, checkLimits } from './core/limits.ts';
import { LOG_LEVELS, type LogFormat, type LogLevel } from './core/logger.ts';
import type { ForwardOptions } from './handlers/forward.ts';

export interface Config {
  /** 0: any free port. */
  readonly port: number;
  /** Undefined: all interfaces. */
  readonly host: string | undefined;
  /** Descriptor of a listening socket that a supervisor holds for this process; PORT and HOST do not count then. */
  readonly listenFd: number | undefined;
  /** A supervisor holds a socket for another process: something stands between it and this program. */
  readonly isSocketOfAnother: boolean;
  readonly environment: 'development' | 'production' | 'test';
  /** Empty: none is set, and a development secret is to be used. */
  readonly secrets: readonly string[];
  readonly skipSignatureVerification: boolean;
  /** Seconds, both ways. */
  readonly maxAgeS: number;
  readonly bodyBytesMax: number;
  /** Absolute. */
  readonly databasePath: string;
  /** Requests a client and window; 0 = off. */
  readonly rateLimitMax: number;
  readonly rateLimitWindowMs: number;
  readonly rateLimitSkipVerified: boolean;
  readonly trustedProxies: AddressRanges;
  readonly handlers: {
    /** The user's module, absolute; undefined: the handlers of src/handlers. */
    readonly modulePath: string | undefined;
    /** Of one run, milliseconds. */
    readonly timeoutMs: number;
    /** Runs at one time. */
    readonly runsMax: number;
    /** Undefined: nothing is forwarded. */
    readonly forward: ForwardOptions | undefined;
  };
  readonly admin: {
    /** 0: there is none. */
    readonly port: number;
    readonly host: string;
    /** Undefined: one is made and kept beside the database. */
    readonly token: string | undefined;
  };
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** Every wrong value, a line each. The program exits with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

export const EX_CONFIG = 78;

/** systemd's first descriptor of LISTEN_FDS; see sd_listen_fds(3). */
const LISTEN_FDS_START = 3;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads `.env` of the working directory, if there is one, into the environment; what is set already stays. */
export function loadEnvFile(): void {
  if (existsSync('.env')) process.loadEnvFile('.env');
}

/**
 * @param pid of this process: a supervisor's socket is for the process that LISTEN_PID names
 * @throws ConfigError
 */
export function readConfig(env: Environment, pid: number = process.pid): Config {
  const problems: string[] = [];
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
  const secrets = (set(env, 'WEBHOOK_SECRET') ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  const skipSignatureVerification =
    oneOf('SKIP_SIGNATURE_VERIFICATION', ['true', 'false'], 'false') === 'true';
  const trusted = parseAddressRanges(set(env, 'TRUST_PROXY') ?? 'loopback');
  if ('wrong' in trusted) {
    wrong(
      'TRUST_PROXY',
      `"none" or a list of "loopback", addresses and ranges; ${JSON.stringify(trusted.wrong)} is none`,
    );
  }
  const database = databasePath(set(env, 'DATABASE_URL') ?? 'file:data/irisx.db');
  if ('problem' in database) problems.push(`DATABASE_URL: ${database.problem}`);
  if (environment === 'production' && secrets.length === 0) {
    problems.push(
      'WEBHOOK_SECRET is not set: with NODE_ENV=production it must be the secret from the IRISX dashboard',
    );
  }
  if (skipSignatureVerification && env['NODE_ENV'] !== 'development') {
    problems.push('SKIP_SIGNATURE_VERIFICATION=true: allowed only with NODE_ENV=development set beside it');
  }

  const adminHost = set(env, 'ADMIN_HOST') ?? '127.0.0.1';
  const adminPort = integer('ADMIN_PORT', 0, 65_535, 3001, ' (0 = off)');
  const adminToken = set(env, 'ADMIN_TOKEN');
  if (adminToken !== undefined && adminToken.length < ADMIN_TOKEN_CHARS_MIN) {
    problems.push(
      `ADMIN_TOKEN has ${adminToken.length} characters: must have ${ADMIN_TOKEN_CHARS_MIN} or more; \`openssl rand -hex 16\` makes one`,
    );
  }

  const modulePath = set(env, 'HANDLERS');
  const forward = forwardConfig(env, problems);

  const hasSocket = set(env, 'LISTEN_FDS') !== undefined;
  const isSocketOurs = hasSocket && set(env, 'LISTEN_PID') === String(pid);
  if (isSocketOurs) integer('LISTEN_FDS', 1, 1, 1, ': this program listens on one socket');

  const port = integer('PORT', 0, 65_535, 3000, '');
  if (adminPort !== 0 && adminPort === port)
    problems.push(`ADMIN_PORT=${adminPort}: is PORT, too: set it to another port, or to 0 (off)`);
  const bodyBytesMax = integer('MAX_BODY_BYTES', 1024, 16 * 1024 * 1024, 1024 * 1024, ' (bytes)');
  const config: Config = {
    port,
    host: set(env, 'HOST'),
    listenFd: isSocketOurs ? LISTEN_FDS_START : undefined,
    isSocketOfAnother: hasSocket && !isSocketOurs,
    environment,
    secrets,
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
      runsMax: integer('HANDLER_CONCURRENCY', 1, 64, 8, ' (runs at one time)'),
      forward,
    },
    admin: { port: adminPort, host: adminHost, token: adminToken },
    logLevel: oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    logFormat: oneOf('LOG_FORMAT', ['text', 'json'], environment === 'production' ? 'json' : 'text'),
  };
  if (problems.length === 0) problems.push(...checkLimits(bodyBytesMax));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

const EVENT_CHOICE = /^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?)$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;

function forwardConfig(env: Environment, problems: string[]): ForwardOptions | undefined {
  const url = set(env, 'FORWARD_URL');
  const secret = set(env, 'FORWARD_SECRET');
  if (url === undefined) {
    for (const name of ['FORWARD_EVENTS', 'FORWARD_SECRET'])
      if (set(env, name) !== undefined)
        problems.push(`${name} is set without FORWARD_URL: nothing is forwarded`);
    return undefined;
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!/^https?:$/.test(parsed?.protocol ?? '') || parsed?.username !== '' || parsed.password !== '')
    problems.push(
      `FORWARD_URL=${JSON.stringify(url)}: must be an http or https address without a name and a password`,
    );
  const events = (set(env, 'FORWARD_EVENTS') ?? '*').split(',').map((event) => event.trim());
  const strange = events.find((event) => !EVENT_CHOICE.test(event));
  if (strange !== undefined)
    problems.push(
      `FORWARD_EVENTS: must be event types separated by commas, as call.failed, call.* or *; ${JSON.stringify(strange)} is none`,
    );
  const base64 = (secret ?? '').replace(/^whsec_/, '');
  const key = Buffer.from(BASE64.test(base64) ? base64 : '', 'base64');
  if (secret === undefined || key.length < KEY_BYTES_MIN || key.length > KEY_BYTES_MAX)
    problems.push(
      `FORWARD_SECRET ${secret === undefined ? 'is not set' : 'is wrong'}: must be whsec_ and the base64 of ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes; \`echo whsec_$(openssl rand -base64 32)\` makes one`,
    );
  return { url, events, key };
}

/** An empty value in `.env` is as good as none. */
function set(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

/** SQLite puts its side files beside what a link points to, and so must we look for them there. */
function linkTarget(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function databasePath(url: string): { path: string } | { problem: string } {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return { path: linkTarget(resolve(url)) };
  if (scheme === 'file') {
    const path = url.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
    if (path === '' || path.startsWith('//') || path.includes('?'))
      return { problem: `${JSON.stringify(url)}: must be file:PATH without a host or parameters` };
    return { path: linkTarget(resolve(path)) };
  }
  return {
    problem: `${scheme}: databases are not supported: the log is a SQLite file; use file:PATH, as in file:data/irisx.db`,
  };
}
