/**
 * Reads the environment once, into a Config. All wrong values are reported together, with their names and what is
 * allowed. Nothing else in this program reads the environment; `.env` becomes part of it (env-file.ts).
 */

import type { ForwardOptions } from '../handlers/forward.ts';
import { FORWARD_KEY, Invalid } from './kinds.ts';
import { suspicions } from './suspicions.ts';
import { withVariableFiles } from './variable-files.ts';
import { type Environment, given, parsedValue, type ValueOf, type VariableName } from './variables.ts';

export type Config = Readonly<ReturnType<typeof readConfig>>;

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
 * @param pid this process: a supervisor's socket is for the process in LISTEN_PID
 * @param fileWarnings the result of loadEnvFile()
 * @throws ConfigError
 */
export function readConfig(
  variables: Environment,
  pid: number = process.pid,
  fileWarnings: readonly string[] = [],
) {
  const problems: string[] = [];
  const env = withVariableFiles(variables, problems);
  const isSet = (name: string) => given(env, name) !== undefined;

  /** If the value is wrong, this reports it and returns undefined, and then there is no Config. */
  function read<Name extends VariableName>(name: Name): ValueOf<Name> {
    try {
      return parsedValue(env, name);
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      const shown = error.showsValue ? `=${JSON.stringify(env[name])}` : '';
      problems.push(`${name}${shown}${error.message}`);
      return undefined as ValueOf<Name>;
    }
  }

  function readForwarding(): ForwardOptions | undefined {
    if (!isSet('FORWARD_URL')) {
      for (const name of ['FORWARD_EVENTS', 'FORWARD_SECRET'].filter(isSet))
        problems.push(`${name} is set without FORWARD_URL: nothing is forwarded`);
      return undefined;
    }
    const url = read('FORWARD_URL');
    const events = read('FORWARD_EVENTS');
    const key = read('FORWARD_SECRET');
    if (!isSet('FORWARD_SECRET') && !isSet('FORWARD_SECRET_FILE'))
      problems.push(`FORWARD_SECRET is not set: ${FORWARD_KEY}`);
    return url === undefined || key === undefined ? undefined : { url, events, key };
  }

  const hasSocket = isSet('LISTEN_FDS');
  const isSocketOurs = hasSocket && given(env, 'LISTEN_PID') === String(pid);
  if (isSocketOurs) read('LISTEN_FDS');
  const environment = read('NODE_ENV');
  const config = {
    /** 0 means any free port. */
    port: read('PORT'),
    /** Undefined means all interfaces. */
    host: read('HOST'),
    /** Descriptor of a listening socket that a supervisor holds for this process; PORT and HOST are ignored then. */
    listenFd: isSocketOurs ? LISTEN_FDS_START : undefined,
    /** A supervisor holds a socket that is meant for another process, for example npm or a shell that starts this one. */
    isSocketOfAnother: hasSocket && !isSocketOurs,
    environment,
    /** If empty, none is set and the development secret is used. */
    secrets: read('WEBHOOK_SECRET'),
    /** Old secrets, which may have signed events in the log. Deliveries signed with them are not accepted. */
    retiredSecrets: read('WEBHOOK_SECRETS_RETIRED'),
    skipSignatureVerification: read('SKIP_SIGNATURE_VERIFICATION'),
    /** Seconds, into the past and into the future. */
    maxAgeS: read('MAX_AGE'),
    bodyBytesMax: read('MAX_BODY_BYTES'),
    /** Absolute path. */
    databasePath: read('DATABASE_URL'),
    /** Requests per client and window; 0 = off. */
    rateLimitMax: read('RATE_LIMIT_MAX'),
    rateLimitWindowMs: read('RATE_LIMIT_WINDOW_MS'),
    /** Whether verified deliveries are not counted. */
    rateLimitSkipVerified: read('RATE_LIMIT_SKIP_VERIFIED'),
    trustedProxies: read('TRUST_PROXY'),
    handlers: {
      /** Absolute path of the user's module; undefined for the handlers in src/handlers. */
      modulePath: read('HANDLERS'),
      /** Timeout of one run, milliseconds. */
      timeoutMs: read('HANDLER_TIMEOUT_MS'),
      /** Maximum number of concurrent runs. */
      runsMax: read('HANDLER_CONCURRENCY'),
      /** Undefined if forwarding is off. */
      forward: readForwarding(),
    },
    admin: {
      /** 0 if the admin pages are off. */
      port: read('ADMIN_PORT'),
      host: read('ADMIN_HOST'),
      /** Undefined if the server creates one and stores it next to the database. */
      token: read('ADMIN_TOKEN'),
    },
    logLevel: read('LOG_LEVEL'),
    logFormat: read('LOG_FORMAT') ?? (environment === 'production' ? 'json' : 'text'),
    /** Values that are probably mistakes, one per line. */
    warnings: [...fileWarnings, ...suspicions(env)],
  };
  if (config.retiredSecrets.some((secret) => config.secrets.includes(secret)))
    problems.push(
      'WEBHOOK_SECRETS_RETIRED: one of its secrets is also in WEBHOOK_SECRET: remove it from one of the two',
    );
  if (environment === 'production' && config.secrets.length === 0 && !isSet('WEBHOOK_SECRET_FILE'))
    problems.push(
      'WEBHOOK_SECRET is not set: with NODE_ENV=production it must be the secret from the IRISX dashboard',
    );
  if (config.skipSignatureVerification && variables['NODE_ENV'] !== 'development')
    problems.push('SKIP_SIGNATURE_VERIFICATION=true: allowed only if NODE_ENV=development is set too');
  if (config.admin.port > 0 && config.admin.port === config.port)
    problems.push(`ADMIN_PORT=${config.port}: is the same as PORT: set it to another port, or to 0 (off)`);
  if (problems.length > 0) throw new ConfigError(problems, config.warnings);
  return config;
}
