/** Which Node versions this program runs on: 22.18 is the first 22.x that runs TypeScript without an option. */

const MAJOR_MIN = 22;
const MINOR_MIN = 18;

/**
 * @param version as in `process.versions.node`
 * @returns one line for the operator; undefined if it is new enough
 */
export function nodeProblem(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > MAJOR_MIN || (major === MAJOR_MIN && minor >= MINOR_MIN)) return undefined;
  return `Node ${version} is too old: install Node ${MAJOR_MIN}.${MINOR_MIN} or newer; Node 24 LTS is recommended`;
}
