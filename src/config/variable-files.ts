/** Reads `NAME_FILE` variables: the value of NAME is in a file, for Docker secrets and systemd credentials. */

import { pathProblem } from './given-path.ts';
import { readTextFile } from './text-file.ts';
import { type Environment, FROM_FILES, LISTS, set } from './variables.ts';

/**
 * @param problems receives one line for each file that cannot be used
 * @returns the environment, including the values from the files
 */
export function withVariableFiles(env: Environment, problems: string[]): Environment {
  const read: Record<string, string> = {};
  for (const name of FROM_FILES) {
    const path = set(env, `${name}_FILE`);
    if (path === undefined) continue;
    const value = fileValue(name, path, env);
    if ('problem' in value) problems.push(`${name}_FILE=${JSON.stringify(path)}: ${value.problem}`);
    else read[name] = value.text;
  }
  return { ...env, ...read };
}

function fileValue(name: string, path: string, env: Environment): { text: string } | { problem: string } {
  if (set(env, name) !== undefined) return { problem: `${name} is set too: set only one of the two` };
  const unfit = pathProblem(path);
  if (unfit !== undefined) return { problem: unfit };
  const file = readTextFile(path);
  if ('problem' in file) return { problem: `the file ${file.problem}` };
  const values = file.text.split(LISTS.includes(name) ? /[\r\n,]+/ : /[\r\n]+/).map((line) => line.trim());
  const given = values.filter((value) => value !== '');
  if (given.length === 0) return { problem: `the file is empty: put the value of ${name} into it` };
  if (given.length > 1 && !LISTS.includes(name))
    return { problem: `the file has ${given.length} lines: it must have one, the value of ${name}` };
  return { text: given.join(',') };
}
