/**
 * The server and its commands under one name: `./irisx COMMAND` in a clone, `node irisx-webhooks.mjs COMMAND` for the
 * bundle.
 */

import { IRISX } from '../src/core/packaging.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { EX_USAGE, watchOutput } from './cli/command.ts';

/** By name: a line for the help text, and the function that starts the command. */
export type Commands = Readonly<Record<string, readonly [text: string, start: () => Promise<unknown>]>>;

export const COMMANDS: Commands = {
  serve: ['starts the server (the default)', () => import('./serve.ts')],
  send: ['signs events and posts them to a running server', () => import('./send.ts')],
  sign: ['prints or checks the signature of a body', () => import('./sign.ts')],
  report: ['prints reports on calls, messages, costs, opt-outs and failures', () => import('./report.ts')],
  explain: ['shows which events made a row, and which of them set each column', () => import('./explain.ts')],
  events: ['lists, searches, shows and follows the events', () => import('./events.ts')],
  handlers: ['shows the progress of handlers; retries or skips failed runs', () => import('./handlers.ts')],
  rebuild: ['rebuilds the tables from the log, or compares them with it', () => import('./rebuild.ts')],
  verify: ['checks the database file, the log and the tables', () => import('./verify.ts')],
  backup: ['copies the log and checks the copy', () => import('./backup.ts')],
};

/**
 * Executes the command that this process was started with. Its name is removed from `process.argv`, so that the command
 * finds its own arguments in the usual place.
 * @param more commands that only a clone has
 */
export async function executeCommandLine(more: Commands = {}): Promise<void> {
  const commands: Commands = { ...COMMANDS, ...more };
  const [name = 'serve'] = process.argv.splice(2, 1);
  if (Object.hasOwn(commands, name)) {
    await commands[name]?.[1]();
  } else if (name === '--help' || name === '-h' || name === 'help') {
    watchOutput();
    process.stdout.write(`${helpLines(commands).join('\n')}\n`);
  } else {
    const names = Object.keys(commands).join(', ');
    process.stderr.write(
      `unknown command ${JSON.stringify(name)}; commands: ${names}; see ${IRISX} --help\n`,
    );
    process.exitCode = EX_USAGE;
  }
}

function helpLines(commands: Commands): string[] {
  const rows = Object.entries(commands).map(([name, [text]]) => [`  ${name}`, text]);
  return [`${IRISX} COMMAND [options]; each command has --help`, ...alignedLines(['', ''], rows, [])];
}
