/** `./irisx serve`: the server. It is configured only by its environment. */

import { IRISX } from '../src/core/packaging.ts';
import { commandLine } from './cli/command.ts';

const USAGE = `
${IRISX} serve
Starts the server, which runs until SIGTERM, Ctrl-C, or until its terminal is closed. It reads its configuration from
the environment and from .env in the folder where it starts. .env.example lists every variable; docs/OPERATIONS.md
explains them.
`;

if (commandLine(USAGE, {}, false) !== undefined) await import('../src/main.ts');
