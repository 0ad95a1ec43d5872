/** Reads `NAME_FILE` variables: the value of NAME is in a file, for Docker secrets and systemd credentials. */

import { list, pathProblem } from './kinds.ts';
import { readTextFile, type TextFile } from './text-file.ts';
import { DECLARED, type Environment, FROM_FILES, given } from './variables.ts';

/**
 * @param problems receives one line for each file that cannot be used
 * @returns the environment, including the values from the files
 */
export function withVariableFiles(env: Environment, problems: string[]): Environment {
  const read: Record<string, string> = {};
  for (const name of FROM_FILES) {
    const path = given(env, `${name}_FILE`);
    if (path === undefined) continue;
    const value = valueIn(path, name, env);
    if ('problem' in value) problems.push(`${name}_FILE=${JSON.stringify(path)}: ${value.problem}`);
    else read[name] = value.text;
  }
  return { ...env, ...read };
}

function valueIn(path: string, name: string, env: Environment): TextFile {
  if (given(env, name) !== undefined) return { problem: `${name} is set too: set only one of the two` };
  const unfit = pathProblem(path);
  if (unfit !== undefined) return { problem: unfit };
  const file = readTextFile(path);
  if ('problem' in file) return { problem: `the file ${file.problem}` };
  const isList = DECLARED[name]?.parse === list;
  const lines = file.text.split(isList ? /[\r\n,]+/ : /[\r\n]+/).map((line) => line.trim());
  const values = lines.filter((line) => line !== '');
  if (values.length === 0) return { problem: `the file is empty: put the value of ${name} into it` };
  if (values.length > 1 && !isList)
    return { problem: `the file has ${values.length} lines: it must have one, the value of ${name}` };
  return { text: values.join(',') };
}
