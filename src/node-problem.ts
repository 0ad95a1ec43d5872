/** What is known to be wrong with a version of Node.js under better-sqlite3 12. */

/**
 * @param version as in `process.versions.node`
 * @returns one line for the operator; undefined: nothing is
 */
export function nodeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 24 || (major === 24 && minor < 19)) return undefined;
  return `Node ${version} aborts now and then while it frees statements of better-sqlite3 12, as all from 24.19 on do; what was acknowledged is safe, but use Node 22 LTS`;
}
