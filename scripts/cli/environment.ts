/** The server's configuration for the commands: the same variables, the same database, the same secret. */

import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { type Config, readConfig } from '../../src/config/config.ts';
import { loadEnvFile } from '../../src/config/env-file.ts';
import { DEVELOPMENT_SECRET, secretPath } from '../../src/config/secret-file.ts';
import type { Engine } from '../../src/core/engine/engine.ts';
import type { Reader } from '../../src/core/engine/reader.ts';
import { cannotBeShown } from '../../src/core/tables/table-problem.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';
import { EX_FAILED } from './command.ts';
import { UsageError } from './options.ts';
import { clearProgress, showProgress } from './output.ts';

const NO_SECRETS = {
  WEBHOOK_SECRET_FILE: undefined,
  WEBHOOK_SECRETS_RETIRED: undefined,
  WEBHOOK_SECRETS_RETIRED_FILE: undefined,
};

/**
 * If the command fails, warnings are printed at its end, because one of them may be the reason.
 * @param secret the value of `--secret`, which replaces all configured secrets
 * @throws ConfigError
 */
export function readEnvironment(secret?: string): Config {
  const fileWarnings = loadEnvFile();
  const given = secret === undefined ? {} : { ...NO_SECRETS, WEBHOOK_SECRET: secret };
  const config = readConfig({ ...process.env, ...given }, process.pid, fileWarnings);
  process.once('exit', (code) => {
    if (code === EX_FAILED)
      for (const warning of config.warnings) process.stderr.write(`warning: ${warning}\n`);
  });
  return config;
}

/** All configured secrets, or else the development secret if a server has made one. Never makes one itself. */
export function knownSecrets(config: Config): readonly string[] {
  if (config.secrets.length > 0) return config.secrets;
  const path = secretPath(DEVELOPMENT_SECRET, config.databasePath);
  const secret = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  return secret === '' ? [] : [secret];
}

/** The secret to sign with. @throws Error if none is known */
export function signingSecret(config: Config): string {
  const [secret] = knownSecrets(config);
  if (secret !== undefined) return secret;
  throw new Error('no secret is known: start the server once, or set WEBHOOK_SECRET or --secret');
}

/** The URL of the configured server. @throws UsageError if the port is not known */
export function serverUrl({ port, host }: Config): string {
  if (port === 0) throw new UsageError('PORT=0 means any free port: give the server’s URL with --url');
  const isAll = host === undefined || host === '0.0.0.0' || host === '::';
  const name = isAll ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}/webhooks`;
}

/**
 * Opens the log of the configured database for `work`, and closes it again.
 * @throws Error if there is no database, or if it contains no log
 */
export async function withLog<T>(
  { databasePath }: Config,
  work: (log: { readonly engine: Engine; readonly reader: Reader }) => Promise<T>,
): Promise<T> {
  if (!existsSync(databasePath)) {
    throw new Error(
      `there is no database ${relative('', databasePath)}: start the server once, or set DATABASE_URL`,
    );
  }
  const engine = engineOf(databasePath, derivations);
  const reader = await engine.openReader();
  return work({ engine, reader }).finally(() => reader.close());
}

/**
 * Notes on standard error which tables do not reflect the log: their rows must not look up to date. If some of them cannot
 * be shown, `work` gets a reader of the tables folded again.
 */
export async function withShownTables<T>(
  { engine, reader }: { readonly engine: Engine; readonly reader: Reader },
  work: (reader: Reader) => Promise<T>,
): Promise<T> {
  const problems = await reader.tableProblems();
  for (const { text } of problems) process.stderr.write(`note: ${text}\n`);
  if (!problems.some(cannotBeShown)) return work(reader);
  process.stderr.write('note: until then, this command folds the log again and shows the result\n');
  return withFolded(engine, (await reader.head()).seq, work);
}

/** Gives `work` a reader of the tables folded again up to `seq`. The database does not change. */
export async function withFolded<T>(
  engine: Engine,
  seq: number,
  work: (reader: Reader) => Promise<T>,
): Promise<T> {
  const folded = await engine.openReaderAsOf(seq, (done, total) => showProgress('folding', done, total));
  clearProgress();
  return work(folded).finally(() => folded.close());
}

/** The engine of the configured database, in which there is a log. @throws as withLog */
export function requireDatabase(config: Config): Promise<Engine> {
  return withLog(config, async ({ engine }) => engine);
}
