/** Explains what to do when SQLite's native addon is missing or was built for another platform. */

import { IS_BUNDLE } from '../../../core/packaging.ts';

/** Error codes of Node's `require`: better-sqlite3 loads its addon when it opens its first database. */
const CODES = ['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED', 'ERR_DLOPEN_DISABLED'];

/**
 * @param error anything thrown while a database was opened
 * @returns one line for the operator, or undefined if the addon is not the problem
 */
export function addonProblem(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || !CODES.includes(code)) return undefined;
  const platform = `${platformName()}-${process.arch}`;
  return `the SQLite addon for ${platform} cannot be loaded: ${whatToDo(platform)} (${message.split('\n')[0]})`;
}

function whatToDo(platform: string): string {
  if (!/^(linux|linuxmusl|darwin|win32)-(x64|arm64)$/.test(platform))
    return 'it exists only for Linux, macOS and Windows on x64 and arm64';
  if (!IS_BUNDLE) return 'run npm ci in the folder of this program';
  return `run \`npm run build -- --platform ${platform}\` and copy its better_sqlite3.node to the folder of this program`;
}

/** The platform name that better-sqlite3 uses. Alpine's C library (musl) counts as a platform of its own. */
function platformName(): string {
  Object.assign(process.report, { excludeNetwork: true }); // otherwise the report resolves every peer's host name
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const isMusl = process.platform === 'linux' && header.glibcVersionRuntime === undefined;
  return isMusl ? 'linuxmusl' : process.platform;
}
