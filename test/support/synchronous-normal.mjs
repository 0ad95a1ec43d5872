/**
 * Preloaded into the program it makes `synchronous=FULL` NORMAL, and the check that reads it back blind. The product
 * has no switch for that: it is what the power cut must be seen to punish.
 */

import Sqlite from 'better-sqlite3';

const { pragma } = Sqlite.prototype;

Sqlite.prototype.pragma = function (source, options) {
  if (source === 'synchronous = 2') return pragma.call(this, 'synchronous = 1', options);
  const found = pragma.call(this, source, options);
  return source === 'synchronous' && found === 1 ? 2 : found;
};
