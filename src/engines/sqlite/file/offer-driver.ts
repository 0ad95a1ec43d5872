/**
 * Gives a user's module the receiver's own `better-sqlite3`, wherever that module is: outside the clone, or next to the
 * bundle. A second copy of SQLite in this process would be dangerous: if it opened and closed the log, the kernel would
 * drop the locks of the writer.
 */

import * as module from 'node:module'; // a missing named import would stop old Nodes before the version check
import Sqlite from 'better-sqlite3';

const NAME = 'better-sqlite3';
const DRIVER = Symbol.for('irisx-webhooks driver');
const SCHEME = 'irisx:';
/** The source of the module that is imported instead, by its format. */
const SOURCES = {
  module: `const driver = globalThis[Symbol.for('${DRIVER.description}')];
    export default driver;
    export const { SqliteError } = driver;`,
  commonjs: `module.exports = globalThis[Symbol.for('${DRIVER.description}')];`,
} as const;

/** For all modules that this thread imports from now on. */
export function offerDriver(): void {
  Object.defineProperty(globalThis, DRIVER, { value: Sqlite });
  module.registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier !== NAME) return nextResolve(specifier, context);
      const isRequired = [...context.conditions].includes('require'); // a Set on some versions of Node
      const format = isRequired ? 'commonjs' : 'module';
      return { url: `${SCHEME}${format}`, format, shortCircuit: true };
    },
    load(url, context, nextLoad) {
      if (!url.startsWith(SCHEME)) return nextLoad(url, context);
      const format = url.slice(SCHEME.length) as keyof typeof SOURCES;
      return { format, source: SOURCES[format], shortCircuit: true };
    },
  });
}
