/** How to run this program's commands, for messages that tell a person what to type. */

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The bundle is one JavaScript file; a clone runs the TypeScript files directly. */
export const IS_BUNDLE = !import.meta.url.endsWith('.ts');

/** The part before the command's name. */
export const IRISX = IS_BUNDLE ? `node ${basename(fileURLToPath(import.meta.url))}` : './irisx';
