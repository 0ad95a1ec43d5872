/**
 * What all commands of this project share: `--help`, one clear line per error, and the exit codes. If the reader of
 * our output goes away (`| head`), the program ends quietly.
 */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConfigError, EX_CONFIG } from '../../src/config/config.ts';
import { EngineError, errorText } from '../../src/core/engine-error.ts';
import { IRISX } from '../../src/core/packaging.ts';
import { clearProgress } from './output.ts';

/** The command line is wrong; `message` says how, in one line. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export const EX_USAGE = 64;
export const EX_FAILED = 1;
/** What a shell reports for a program that was killed by SIGPIPE. */
const EX_PIPE = 141;

type Options = NonNullable<ParseArgsConfig['options']>;

/** Options that take a value. */
export function withValue<Name extends string>(...names: Name[]): Record<Name, { type: 'string' }> {
  return Object.fromEntries(names.map((name) => [name, { type: 'string' }])) as never;
}

/** Options without a value. */
export function flags<Name extends string>(...names: Name[]): Record<Name, { type: 'boolean' }> {
  return Object.fromEntries(names.map((name) => [name, { type: 'boolean' }])) as never;
}

/** The arguments as `parseArgs` gives them. */
export type Arguments<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: O }>
>;

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
    const all: Options = { ...options, help: { type: 'boolean', short: 'h' } };
    const given = parseArgs({ args: process.argv.slice(2), allowPositionals, options: all });
    if (given.values['help'] !== true) return given as Arguments<O>;
    process.stdout.write(`${usage.trim()}\n`);
  } catch (error) {
    fail(new UsageError(usageProblem(error as NodeJS.ErrnoException)));
  }
  return undefined;
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

/**
 * @param option as typed, for the message
 * @returns `text` as a whole number; `fallback` if the option is not given
 * @throws UsageError
 */
export function wholeNumber<Fallback extends number | undefined>(
  option: string,
  text: string | undefined,
  min: number,
  max: number,
  fallback: Fallback,
): number | Fallback {
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(
      `${option} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`,
    );
  }
  return value;
}
