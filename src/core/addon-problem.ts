/** SQLite is an addon, a file for one platform: what to do where that file is missing or for another platform. */

import { IS_BUNDLE } from './packaging.ts';

/** Of Node's `require`: better-sqlite3 loads its addon with the first database that it opens. */
const CODES = ['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED', 'ERR_DLOPEN_DISABLED'];

/**
 * @param error anything that opening a database threw
 * @returns one line for the operator; undefined: the addon was loaded
 */
export function addonProblem(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || !CODES.includes(code)) return undefined;
  const platform = `${platformName()}-${process.arch}`;
  return `the SQLite addon for ${platform} cannot be loaded: ${whatToDo(platform)} (${message.split('\n')[0]})`;
}

function whatToDo(platform: string): string {
  if (!/^(linux|linuxmusl|darwin|win32)-(x64|arm64)$/.test(platform))
    return 'there is one for Linux, macOS and Windows on x64 and arm64 only';
  if (!IS_BUNDLE) return 'run npm ci in the folder of this program';
  return `copy the better_sqlite3.node that \`npm run build -- --platform ${platform}\` makes to the folder of this program`;
}

/** As better-sqlite3 names it: Alpine's C library is another platform. */
function platformName(): string {
  Object.assign(process.report, { excludeNetwork: true }); // it would look up the names of all peers
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const isMusl = process.platform === 'linux' && header.glibcVersionRuntime === undefined;
  return isMusl ? 'linuxmusl' : process.platform;
}
