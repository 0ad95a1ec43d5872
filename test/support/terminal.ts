/** A terminal for the program: a pseudo-terminal whose text is passed on, and which closes when its process is killed. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/** Goes before a command: it then runs in a session of its own, in a terminal. */
export const IN_TERMINAL: readonly string[] = ['python3', '-c', 'import pty, sys; pty.spawn(sys.argv[1:])'];

/** Skips a test where there is no way to make a terminal. */
export function lacksTerminal(t: TestContext): boolean {
  if (spawnSync('python3', ['-c', 'import pty']).status === 0) return false;
  assert.ok(process.env['CI'] === undefined, 'python3 is not installed');
  t.skip('needs python3');
  return true;
}
