/** The program: reads the configuration, opens the receiver, prints where it listens, and stops it on a signal. */

import { relative } from 'node:path';
import { type Config, ConfigError, EX_CONFIG, readConfig } from './config/config.ts';
import { loadEnvFile } from './config/env-file.ts';
import { ADMIN_TOKEN, DEVELOPMENT_SECRET, secretPath } from './config/secret-file.ts';
import { DRAIN_MAX_MS, FATAL_FLUSH_MS } from './core/limits.ts';
import { createLogger, type Log } from './core/logger.ts';
import { IRISX } from './core/packaging.ts';
import { HandlersRefused } from './handlers/handler.ts';
import { urlHost } from './http/listen.ts';
import type { AdminPages } from './keep-admin.ts';
import { flushLines, writeLine } from './output.ts';
import { openReceiver, type Receiver } from './receiver.ts';
import type { SecretsThreadData } from './threads/secrets-thread.ts';
import { openThread } from './threads/thread.ts';

const EX_UNAVAILABLE = 69;

async function main(): Promise<void> {
  const fileWarnings = loadEnvFile();
  const config = readConfig(process.env, process.pid, fileWarnings);
  const log = createLogger(config.logLevel, config.logFormat, Date.now, writeLine);
  let opening: Promise<Receiver> | undefined;
  let stopping = false;

  const stop = async (signal: string) => {
    if (stopping && signal === 'SIGHUP') return; // systemd sends it right after SIGTERM when a login session ends
    if (stopping) return end(log, `second ${signal}: exiting immediately`);
    stopping = true;
    log('info', `${signal}: accepting no new connections, finishing open requests`);
    setTimeout(
      () => end(log, `not finished ${DRAIN_MAX_MS} ms after ${signal}: forcing exit`),
      DRAIN_MAX_MS,
    ).unref();
    const receiver = await opening?.catch(() => undefined);
    try {
      await receiver?.close();
    } catch {
      return; // the database is lost: onLost() ends the process with a nonzero status
    }
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);

  for (const warning of config.warnings) log('warn', warning);
  opening = openReceiver({
    config,
    writeLine,
    onLost(text) {
      log(
        'fatal',
        `the database can no longer be trusted, nothing more is written: ${text}; exiting, the next start checks it again`,
      );
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), FATAL_FLUSH_MS);
    },
  });
  announce(config, await opening, log);
  if (config.secrets.length > 1) logSecretUse(config, log);
}

function logSecretUse({ databasePath, secrets }: Config, log: Log): void {
  const data: SecretsThreadData = { databasePath, secrets };
  openThread('secrets-thread', data, {
    onMessage: (text: string) => log('info', text),
    onEnd(error) {
      if (error !== undefined)
        log('warn', `cannot find out from the log when each secret was last used: ${error}`);
    },
  });
}

/** Exits immediately. A normal exit would wait for the writer and then checkpoint. */
function end(log: Log, text: string): void {
  log('warn', text);
  flushLines();
  process.kill(process.pid, 'SIGKILL');
}

function announce(config: Config, { address, handledTypes, adminPages, head }: Receiver, log: Log): void {
  const url = `http://${urlHost(address.address)}:${address.port}/webhooks`;
  const isSupervised = config.listenFd !== undefined;
  const database = shortPath(config.databasePath);
  const { modulePath, forward } = config.handlers;
  const tokenPlace =
    config.admin.token === undefined
      ? shortPath(secretPath(ADMIN_TOKEN, config.databasePath))
      : 'ADMIN_TOKEN';
  if (config.logFormat === 'json') {
    log('info', 'listening', {
      url,
      database,
      environment: config.environment,
      supervised: isSupervised,
      handlers: handledTypes,
      forwarding: forward === undefined ? [] : forward.events,
      ...(adminPages && { admin: adminPages.url, admin_token_in: tokenPlace }),
      seq: head.seq,
      chain: Buffer.from(head.chain).toString('hex'),
    });
  } else {
    const port = address.port === 3000 ? '' : ` --url ${url}`;
    const several = config.secrets.length > 1 ? ` (${config.secrets.length} secrets)` : '';
    const secret =
      config.secrets.length > 0
        ? `WEBHOOK_SECRET${several}`
        : shortPath(secretPath(DEVELOPMENT_SECRET, config.databasePath));
    const lines: [string, string][] = [
      ['listening', isSupervised ? `${url} (the supervisor holds the socket)` : url],
      ['database', `${database} (seq ${head.seq})`],
      ['environment', config.environment],
      ['handlers', describe(handledTypes, modulePath === undefined ? 'src/handlers' : shortPath(modulePath))],
      // Without its path, which some chat tools use as a secret.
      ['forwarding', describe(forward?.events ?? [], new URL(forward?.url ?? 'http://none').origin)],
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
      'LISTEN_FDS is set, but LISTEN_PID names another process: the socket held by the supervisor is not used; let the supervisor start node directly, not npm or a shell',
    );
  }
  if (config.skipSignatureVerification) {
    log(
      'warn',
      'SKIP_SIGNATURE_VERIFICATION=true: anyone can write anything to the log; never use it outside development',
    );
  }
}

function describe(types: readonly string[], place: string): string {
  return types.length === 0 ? 'none' : `${types.join(', ')} (${place})`;
}

/** On a terminal, a link that opens the pages. Anything else, such as a log file or the journal, gets no token. */
function adminLine({ url, token }: AdminPages, tokenPlace: string): string {
  if (process.stdout.isTTY) return `${url}?token=${encodeURIComponent(token)}`;
  return `${url} (the token is in ${tokenPlace})`;
}

/** The path as one would type it in the current folder. */
function shortPath(path: string): string {
  const fromHere = relative('', path);
  return fromHere.startsWith('..') ? path : fromHere;
}

main().catch((error: unknown) => {
  const isConfig = error instanceof ConfigError || error instanceof HandlersRefused;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(isConfig ? EX_CONFIG : EX_UNAVAILABLE);
});
