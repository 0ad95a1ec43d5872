/**
 * When preloaded into the program, it turns `synchronous=FULL` into NORMAL and deceives the check that reads it back.
 * The product has no such option. The power-cut case must show that this loses events.
 */

import Sqlite from 'better-sqlite3';

const { pragma } = Sqlite.prototype;

Sqlite.prototype.pragma = function (source, options) {
  if (source === 'synchronous = 2') return pragma.call(this, 'synchronous = 1', options);
  const found = pragma.call(this, source, options);
  return source === 'synchronous' && found === 1 ? 2 : found;
};
