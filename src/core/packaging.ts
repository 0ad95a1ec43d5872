/** How a person runs a command of this program, for messages that say what to type. */

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The bundle is one JavaScript file; a clone runs its TypeScript as it is. */
export const IS_BUNDLE = !import.meta.url.endsWith('.ts');

/** Goes before the command's name. */
export const IRISX = IS_BUNDLE ? `node ${basename(fileURLToPath(import.meta.url))}` : './irisx';
