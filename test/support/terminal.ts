/** A pseudo-terminal for the program. Its output is passed on, and it closes when its process is killed. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/** A prefix for a command, which then runs in its own session, in a terminal. */
export const IN_TERMINAL: readonly string[] = ['python3', '-c', 'import pty, sys; pty.spawn(sys.argv[1:])'];

/** Skips a test if a terminal cannot be made. */
export function lacksTerminal(t: TestContext): boolean {
  if (spawnSync('python3', ['-c', 'import pty']).status === 0) return false;
  assert.ok(process.env['CI'] === undefined, 'python3 is not installed');
  t.skip('needs python3');
  return true;
}
