/** Paths in the environment, where no shell has been at work on them. */

import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';

/** @returns why the path is not taken: it is written for a shell */
export function pathProblem(path: string): string | undefined {
  if (!/^(~|\$[A-Za-z_{(])/.test(path)) return undefined;
  const what = path.startsWith('~') ? '~' : 'variables';
  return `no shell replaces ${what} here: write the whole path; a name that really begins so is ./${path}`;
}

/** @param url of DATABASE_URL: a path, or a file: URL @returns the absolute path */
export function databasePath(url: string): { path: string } | { problem: string } {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'file') {
    return {
      problem: `${scheme}: databases are not supported: the log is a SQLite file; use file:PATH, as in file:data/irisx.db`,
    };
  }
  const literal =
    scheme === undefined ? url : url.slice('file:'.length).replace(/^\/\/(localhost)?(?=\/)/i, '');
  if (scheme !== undefined && (literal === '' || literal.startsWith('//') || literal.includes('?')))
    return { problem: `${JSON.stringify(url)}: must be file:PATH without a host or parameters` };
  const unfit = pathProblem(literal);
  if (unfit !== undefined) return { problem: `${JSON.stringify(url)}: ${unfit}` };
  // Earlier versions took the escapes of a URL for a part of the name.
  const isLiteral = scheme === undefined || existsSync(literal);
  return { path: linkTarget(resolve(isLiteral ? literal : unescaped(literal))) };
}

/** What is no escape of UTF-8 stays as it is, and so does %00, which no name can have. */
function unescaped(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      const text = decodeURIComponent(escapes);
      return text.includes('\0') ? escapes : text;
    } catch {
      return escapes;
    }
  });
}

/** SQLite puts its side files beside what a link points to, and so must we look for them there. */
function linkTarget(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
