/** Reads small text files that people or their tools write: `.env` and the files of `…_FILE` variables. */

import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { CONFIG_FILE_BYTES_MAX } from '../core/limits.ts';

/** `problem` follows the file's name in a message and ends with what to do. */
export type TextFile = { readonly text: string } | { readonly problem: string };

/** Reads a file, or a pipe to its end, without a byte order mark. */
export function readTextFile(path: string): TextFile {
  try {
    const bytes = readBytes(path);
    const problem = textProblem(bytes);
    return problem === undefined ? { text: new TextDecoder().decode(bytes) } : { problem };
  } catch (error) {
    return { problem: readProblem(error as NodeJS.ErrnoException) };
  }
}

/** @returns at most one byte more than the limit */
function readBytes(path: string): Uint8Array {
  const bytes = new Uint8Array(CONFIG_FILE_BYTES_MAX + 1);
  const descriptor = openSync(path, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0; length += read) read = readSync(descriptor, bytes, { offset: length });
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

function readProblem({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'does not exist: check the path';
  if (code === 'EISDIR') return 'is a directory: it must be a file';
  if (code === 'EACCES' || code === 'EPERM') return `cannot be read by this user (${code}): make it readable`;
  return `cannot be read: ${message}`;
}

function textProblem(bytes: Uint8Array): string | undefined {
  if (bytes.length > CONFIG_FILE_BYTES_MAX)
    return `has more than ${CONFIG_FILE_BYTES_MAX} bytes: check that it is the right file`;
  // Another encoding shows in a byte order mark, or in the zeros of text that begins with ASCII.
  const beginning = Buffer.from(bytes.subarray(0, 4)).toString('hex');
  if (/^(fffe0000|0000feff|..000000|000000..)/.test(beginning)) return 'is in UTF-32: save it as UTF-8';
  if (/^(fffe|feff|..00..00|00..00..)/.test(beginning)) return 'is in UTF-16: save it as UTF-8';
  if (bytes.includes(0)) return 'is not text (it contains NUL bytes): save it as UTF-8';
  return isUtf8(bytes) ? undefined : 'is not in UTF-8 (perhaps in Latin-1 or Windows-1252): save it as UTF-8';
}
