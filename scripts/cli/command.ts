/**
 * What all commands of this project share: `--help`, one clear line per error, and the exit codes. If the reader of
 * our output goes away (`| head`), the program ends quietly.
 */

import { parseArgs } from 'node:util';
import { ConfigError, EX_CONFIG } from '../../src/config/config.ts';
import { EngineError, errorText } from '../../src/core/engine-error.ts';
import { IRISX } from '../../src/core/packaging.ts';
import { type Options, UsageError, type Values } from './options.ts';
import { clearProgress } from './output.ts';

export const EX_USAGE = 64;
export const EX_FAILED = 1;
/** What a shell reports for a program that was killed by SIGPIPE. */
const EX_PIPE = 141;

/** The arguments of this process. */
export interface Arguments<O extends Options> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
}

/**
 * Runs a command with the arguments of this process and sets the exit code.
 * @param usage printed for `--help`
 * @param main returns the exit code; an error that it throws becomes one line on standard error
 */
export async function executeCommand<O extends Options>(
  usage: string,
  options: O,
  main: (given: Arguments<O>) => number | Promise<number>,
  allowPositionals = true,
): Promise<void> {
  process.env['SQLITE_USE_URI'] = '1'; // before SQLite is loaded: openReadOnly() reads a read-only folder with it
  watchOutput();
  const given = commandLine(usage, options, allowPositionals);
  if (given === undefined) return;
  try {
    process.exitCode = await main(given);
  } catch (error) {
    fail(error);
  }
}

/** Ends this process if its output cannot be written: quietly if its reader has closed, as in `| head`. */
export function watchOutput(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EX_PIPE);
    process.stderr.write(`the output is not complete, it cannot be written: ${error.message}\n`);
    process.exit(EX_FAILED);
  });
}

/** @returns the arguments of this process; undefined if help was printed, or if they are wrong and that was reported */
export function commandLine<O extends Options>(
  usage: string,
  options: O,
  allowPositionals: boolean,
): Arguments<O> | undefined {
  try {
    const all = { ...options, help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({
      args: process.argv.slice(2),
      allowPositionals,
      options: all,
    });
    if (!('help' in values)) return { values: readValues(options, values), positionals };
    process.stdout.write(`${usage.trim()}\n`);
  } catch (error) {
    fail(error instanceof UsageError ? error : new UsageError(usageProblem(error as NodeJS.ErrnoException)));
  }
  return undefined;
}

/** @param given texts, or flags @throws UsageError */
function readValues<O extends Options>(options: O, given: object): Values<O> {
  const entries = Object.entries(given).map(([name, value]) => {
    const option = options[name];
    if (option?.type !== 'string') return [name, value];
    const read = (text: string) => option.read(text, `--${name}`);
    return [name, option.multiple === true ? value.map(read) : read(value)];
  });
  return Object.fromEntries(entries);
}

function fail(error: unknown): void {
  clearProgress();
  process.stderr.write(`${errorText(error)}${whatToDo(error)}\n`);
  if (error instanceof UsageError) process.exitCode = EX_USAGE;
  else process.exitCode = error instanceof ConfigError ? EX_CONFIG : EX_FAILED;
}

/** Node's own messages are longer than one line. */
function usageProblem({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL')
    return `unknown argument ${/'(.*?)'/.exec(message)?.[1]}`;
  const option = /'(-[^' =]*)/.exec(message)?.[1];
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `unknown option ${option}`;
  if (message.includes('does not take an argument')) return `${option} takes no value`;
  return `${option} needs a value`;
}

const WHAT_TO_DO: Readonly<Partial<Record<EngineError['kind'], string>>> = {
  lost: `; run ${IRISX} verify to find the damage; docs/OPERATIONS.md explains how to restore a backup`,
  full: '; free some space on the disk of the database, then try again',
  busy: '; another process has locked the database: stop it, or try again',
};

/** Our own messages say what to do; those of the database itself, which have its code, do not. */
function whatToDo(error: unknown): string {
  if (error instanceof UsageError) return '; see --help';
  if (!(error instanceof EngineError) || error.code === undefined) return '';
  return WHAT_TO_DO[error.kind] ?? '';
}
