/** A file named on the command line. */

import { readFileSync } from 'node:fs';
import { errorText } from '../../src/core/engine-error.ts';

/** @throws Error that names the file */
export function readFile(file: string): Buffer {
  try {
    return readFileSync(file); // as text, a file could have 512 MiB at most
  } catch (error) {
    throw new Error(`${file} cannot be read: ${errorText(error)}`, { cause: error });
  }
}
