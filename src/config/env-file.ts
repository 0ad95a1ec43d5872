/** Reads `.env` as Node does, and warns about lines that Node reads differently from what most people expect. */

import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import * as util from 'node:util'; // a missing named import would stop old Nodes before the version check
import { ConfigError } from './config.ts';
import { readTextFile } from './text-file.ts';
import { FROM_FILES } from './variables.ts';

export interface EnvFile {
  readonly variables: Readonly<Record<string, string>>;
  readonly warnings: readonly EnvFileWarning[];
}

export interface EnvFileWarning {
  /** Undefined if the line sets no variable. */
  readonly variable: string | undefined;
  /** Without any part of a value. */
  readonly text: string;
}

/**
 * Loads `.env` from the working directory into the environment, if it exists. Variables already set are kept, and so is
 * the other form of one, NAME or NAME_FILE.
 * @returns warnings for readConfig()
 * @throws ConfigError if the file cannot be read
 */
export function loadEnvFile(): readonly string[] {
  if (lstatSync('.env', { throwIfNoEntry: false }) === undefined) return [];
  const file = readTextFile('.env');
  if ('problem' in file) throw new ConfigError([`${resolve('.env')} ${file.problem}`]);
  const { variables, warnings } = parseEnvFile(file.text);
  const isSet = new Set(Object.keys(process.env));
  for (const [name, value] of Object.entries(variables)) {
    const plain = name.replace(/_FILE$/, '');
    const forms = FROM_FILES.includes(plain) ? [plain, `${plain}_FILE`] : [name];
    if (!forms.some((form) => isSet.has(form))) process.env[name] = value;
  }
  return warnings.filter(({ variable }) => !isSet.has(variable ?? '')).map(({ text }) => text);
}

/** Matches a comment, a variable with a quoted or unquoted value, or anything else. A quoted value may span lines. */
const STATEMENTS =
  /^[ \t]*(?:#.*|(?:export +)?(?<name>[\w.-]+)[ \t]*=(?:[ \t]*(?<quoted>"[^"]*"|'[^']*'|`[^`]*`))?(?<rest>.*)|(?<other>.*))$/gm;

const VARIABLE_IN_VALUE = /\n[ \t]*(?:export +)?[A-Za-z_]\w*=[^=\s]/;

/** @param text the file's text, without a byte order mark */
export function parseEnvFile(text: string): EnvFile {
  // Node does not treat a lone CR as a line end, and takes the line after `NAME= ` as the value.
  const plain = text.replace(/\r\n?/g, '\n').replace(/=[ \t]+$/gm, '=');
  const warnings: EnvFileWarning[] = [];
  const lines = new Map<string, number>();
  let line = 1;
  let lineAt = 0;
  for (const { index, groups = {} } of plain.matchAll(STATEMENTS)) {
    line += plain.slice(lineAt, index).split('\n').length - 1;
    lineAt = index;
    const { name, quoted, rest = '', other } = groups;
    const warn = (text: string) => warnings.push({ variable: name, text: `.env line ${line}: ${text}` });

    if (other?.trim()) warn('not NAME=value, so it is ignored');
    if (name === undefined) continue;
    const before = lines.get(name);
    if (before !== undefined) warn(`${name} is also set in line ${before}: only the last value counts`);
    lines.set(name, line);
    const problem = quoted === undefined ? unquotedProblem(rest) : quotedProblem(quoted, rest);
    if (problem !== undefined) warn(`${name}: ${problem}`);
  }
  return { variables: util.parseEnv(plain) as Record<string, string>, warnings };
}

function unquotedProblem(rest: string): string | undefined {
  const [quote] = /^["'`]/.exec(rest.trim()) ?? [];
  if (quote !== undefined) return `the ${quote} at the start is never closed, so it is part of the value`;
  if (/^([^#]*[^\s#])?#/.test(rest))
    return 'the value ends before the #: quote the value if the # is part of it, or put a space before the comment';
  return undefined;
}

function quotedProblem(quoted: string, rest: string): string | undefined {
  const [quote] = quoted;
  if (VARIABLE_IN_VALUE.test(quoted))
    return `the ${quote} at the start is closed some lines below: the variables in between are part of the value`;
  if (/^\s*[^\s#]/.test(rest)) return `the text after the closing ${quote} is ignored`;
  return undefined;
}
