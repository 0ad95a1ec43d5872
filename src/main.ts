/** The program: reads the configuration, opens the receiver, says where it is, and ends it on a signal. */

import { relative } from 'node:path';
import { type Config, ConfigError, EX_CONFIG, loadEnvFile, readConfig } from './config.ts';
import { adminTokenPath } from './core/admin-token.ts';
import { developmentSecret, developmentSecretPath } from './core/development-secret.ts';
import { HandlersRefused } from './core/handler.ts';
import { DRAIN_MAX_MS, FATAL_FLUSH_MS } from './core/limits.ts';
import { createLogger, type Log } from './core/logger.ts';
import { IRISX } from './core/packaging.ts';
import { urlHost } from './http/listen.ts';
import type { AdminPages } from './keep-admin.ts';
import { flushLines, writeLine } from './output.ts';
import { openReceiver, type Receiver } from './receiver.ts';

const EX_UNAVAILABLE = 69;

async function main(): Promise<void> {
  loadEnvFile();
  const config = readConfig(process.env);
  const log = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    now: Date.now,
    write: writeLine,
  });
  let opening: Promise<Receiver> | undefined;
  let stopping = false;

  const stop = async (signal: string) => {
    if (stopping) return end(log, `a second ${signal}: ending at once`);
    stopping = true;
    log('info', `${signal}: taking no new connections, answering what is under way`);
    setTimeout(
      () => end(log, `not finished ${DRAIN_MAX_MS} ms after ${signal}: ending by force`),
      DRAIN_MAX_MS,
    ).unref();
    const receiver = await opening?.catch(() => undefined);
    try {
      await receiver?.close();
    } catch {
      return; // the database is lost: onLost() ends the process, and not with 0
    }
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);

  const secrets = secretsOf(config);
  opening = openReceiver({
    config,
    secrets,
    writeLine,
    onLost(text) {
      log(
        'fatal',
        `the database cannot be trusted any more, nothing more is written: ${text}; ending, the next start looks at it again`,
      );
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), FATAL_FLUSH_MS);
    },
  });
  announce(config, await opening, log);
}

/** A normal exit would wait for the writer, and then checkpoint; this one cannot be held up. */
function end(log: Log, text: string): void {
  log('warn', text);
  flushLines();
  process.kill(process.pid, 'SIGKILL');
}

function secretsOf(config: Config): readonly string[] {
  if (config.secrets.length > 0 || config.skipSignatureVerification) return config.secrets;
  return [developmentSecret(config.databasePath)];
}

function announce(config: Config, { address, adminPages, head }: Receiver, log: Log): void {
  const url = `http://${urlHost(address.address)}:${address.port}/webhooks`;
  const isSupervised = config.listenFd !== undefined;
  const database = shortPath(config.databasePath);
  const tokenPlace =
    config.admin.token === undefined ? shortPath(adminTokenPath(config.databasePath)) : 'ADMIN_TOKEN';
  if (config.logFormat === 'json') {
    log('info', 'listening', {
      url,
      database,
      environment: config.environment,
      supervised: isSupervised,
      ...(adminPages && { admin: adminPages.url, admin_token_in: tokenPlace }),
      seq: head.seq,
      chain: head.chain,
    });
  } else {
    const port = address.port === 3000 ? '' : ` --url ${url}`;
    const secret =
      config.secrets.length > 0 ? 'WEBHOOK_SECRET' : shortPath(developmentSecretPath(config.databasePath));
    const lines: [string, string][] = [
      ['listening', isSupervised ? `${url} (the supervisor holds the socket)` : url],
      ['database', `${database} (seq ${head.seq})`],
      ['environment', config.environment],
      ['admin pages', adminPages === undefined ? 'none' : adminLine(adminPages, tokenPlace)],
      ['secret', config.skipSignatureVerification ? 'none' : secret],
      ['try it', `${IRISX} send call.completed${port}`],
    ];
    writeLine(
      `\nIRISX webhook receiver\n${lines.map(([name, text]) => `  ${name.padEnd(12)} ${text}`).join('\n')}\n`,
    );
  }
  if (config.isSocketOfAnother) {
    log(
      'warn',
      'LISTEN_FDS is set, but LISTEN_PID names another process: the socket that a supervisor holds is not used; have it start node itself, not npm or a shell',
    );
  }
  if (config.skipSignatureVerification) {
    log(
      'warn',
      'SKIP_SIGNATURE_VERIFICATION=true: anybody can put anything into the log; never use it outside development',
    );
  }
}

/** On a terminal a link that opens the pages; what is kept, as a log file or the journal is, never gets the token. */
function adminLine({ url, token }: AdminPages, tokenPlace: string): string {
  if (process.stdout.isTTY) return `${url}?token=${encodeURIComponent(token)}`;
  return `${url} (the token is in ${tokenPlace})`;
}

/** As one would type it here. */
function shortPath(path: string): string {
  const fromHere = relative('', path);
  return fromHere.startsWith('..') ? path : fromHere;
}

main().catch((error: unknown) => {
  const isConfig = error instanceof ConfigError || error instanceof HandlersRefused;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(isConfig ? EX_CONFIG : EX_UNAVAILABLE);
});
