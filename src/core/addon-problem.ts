/** SQLite is an addon, a file for one platform: what to do where that file is missing or for another platform. */

import { IS_BUNDLE } from './irisx.ts';

/** Of Node's `require`: better-sqlite3 loads its addon with the first database that it opens. */
const CODES = ['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED'];

/**
 * @param error anything that opening a database threw
 * @returns one line for the operator; undefined: the addon was loaded
 */
export function addonProblem(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || !CODES.includes(code)) return undefined;
  const platform = `${platformName()}-${process.arch}`;
  const fix = IS_BUNDLE
    ? `put the better_sqlite3.node that \`npm run build -- --platform ${platform}\` makes beside this program`
    : 'run npm ci in the folder of this program';
  return `the SQLite addon for ${platform} cannot be loaded: ${fix} (${message.split('\n')[0]})`;
}

/** As better-sqlite3 names it: Alpine's C library is another platform. */
function platformName(): string {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const isMusl = process.platform === 'linux' && header.glibcVersionRuntime === undefined;
  return isMusl ? 'linuxmusl' : process.platform;
}
