/** Turns errors about a database file into one line for the operator: what, where, and what to do. */

import { EngineError, refused } from '../../../core/engine-error.ts';
import { IS_BUNDLE } from '../../../core/packaging.ts';
import { faultOf, faultText } from './storage-fault.ts';

/** Why a database file cannot be opened: one line for the operator, with what to do. */
export function refusal(path: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const addon = addonProblem(error);
  if (addon !== undefined) return refused(addon, error);
  const [, what, hint] = faultOf(error);
  return unusable(path, error, what, hint);
}

/** @param what follows the path @param hint what to do */
export function unusable(path: string, error: unknown, what: string, hint: string): EngineError {
  return refused(`${path} ${what}: ${hint} (${faultText(error)})`, error);
}

/** Error codes of Node's `require`: better-sqlite3 loads its addon when it opens its first database. */
const ADDON_CODES = ['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED', 'ERR_DLOPEN_DISABLED'];

/** What to do if SQLite's native addon is missing or was built for another platform; undefined if it is neither. */
function addonProblem(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || !ADDON_CODES.includes(code)) return undefined;
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
