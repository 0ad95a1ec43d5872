/** Paths in environment variables, which no shell has expanded. */

import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';

/** @returns why the path is refused, if only a shell could expand it; otherwise undefined */
export function pathProblem(path: string): string | undefined {
  if (!/^(~|\$[A-Za-z_{(])/.test(path)) return undefined;
  const what = path.startsWith('~') ? '~' : 'variables';
  return `no shell expands ${what} here: write the whole path, or ./${path} if the name really begins like that`;
}

/** @param url the value of DATABASE_URL: a path or a file: URL @returns the absolute path */
export function databasePath(url: string): { path: string } | { problem: string } {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'file') {
    return {
      problem: `${scheme}: databases are not supported: the log is a SQLite file; use file:PATH, for example file:data/irisx.db`,
    };
  }
  const literal =
    scheme === undefined ? url : url.slice('file:'.length).replace(/^\/\/(localhost)?(?=\/)/i, '');
  if (scheme !== undefined && (literal === '' || literal.startsWith('//') || literal.includes('?')))
    return { problem: `${JSON.stringify(url)}: must be file:PATH without a host or parameters` };
  const unfit = pathProblem(literal);
  if (unfit !== undefined) return { problem: `${JSON.stringify(url)}: ${unfit}` };
  // Earlier versions did not decode the escapes of a URL.
  const isLiteral = scheme === undefined || existsSync(literal);
  return { path: linkTarget(resolve(isLiteral ? literal : unescaped(literal))) };
}

/** Keeps sequences that are not valid UTF-8, and %00, which no file name can contain. */
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

/** Resolves a symbolic link, because SQLite puts its side files next to the link's target. */
function linkTarget(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
