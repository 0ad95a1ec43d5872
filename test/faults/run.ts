/**
 * `npm run test:faults`: runs the cases one after the other against the program and ends with a table of
 * case, tries and result. `--only A3` runs one family or case, `--seed N` repeats the random choices of a run, and
 * `--requests N` makes the fuzzing longer.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { parseArgs } from 'node:util';
import { REPORT_MARK, type Report } from './support/fault.ts';

interface Row {
  readonly id: string;
  readonly title: string;
  readonly result: 'ok' | 'FAILED' | 'skipped';
  readonly seconds: number;
  readonly note: string;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seed: { type: 'string' },
    requests: { type: 'string' },
  },
});
const folder = import.meta.dirname;
const seed = values.seed ?? process.env['IRISX_TEST_SEED'] ?? String(1 + (Date.now() % 1_000_000));
process.env['IRISX_TEST_SEED'] = seed;
if (values.requests !== undefined) process.env['IRISX_FUZZ_REQUESTS'] = values.requests;

process.stdout.write(`seed ${seed}\n`);

const rows: Row[] = [];
const reports = new Map<string, Report>();
const only = (values.only ?? []).map((id) => new RegExp(`^${id}[a-z]? `));

const events = run({
  files: readdirSync(folder)
    .filter((name) => name.endsWith('.fault.ts'))
    .map((name) => join(folder, name)),
  concurrency: false,
  ...(only.length > 0 && { testNamePatterns: only }),
});

events.on('test:diagnostic', ({ message }) => {
  if (!message.startsWith(REPORT_MARK)) return;
  const report = JSON.parse(message.slice(REPORT_MARK.length)) as Report;
  reports.set(report.id, report);
});
events.on('test:pass', ({ name, details, skip }) => {
  if (isCase(name))
    ended(name, skip === undefined ? 'ok' : 'skipped', details.duration_ms, String(skip ?? ''));
});
events.on('test:fail', ({ name, details }) => {
  const cause = (details.error as Error & { cause?: unknown }).cause ?? details.error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  ended(isCase(name) ? name : `-- ${name}`, 'FAILED', details.duration_ms, text);
});
events.on('test:stderr', ({ message }) => process.stderr.write(message));
events.on('end', () => {
  rows.sort((one, other) => one.id.localeCompare(other.id, 'en', { numeric: true }));
  const width = Math.max(...rows.map(({ title }) => title.length));
  const lines = rows.map(({ id, title, result, seconds, note }) => {
    const report = reports.get(id);
    const tries = String(report?.tries ?? '').padStart(6);
    const figures = report?.figures ?? (result === 'skipped' ? note : '');
    return `${id.padEnd(4)} ${title.padEnd(width)} ${tries}  ${result.padEnd(7)} ${seconds.toFixed(0).padStart(3)} s  ${figures}`;
  });
  const count = (result: Row['result']) => rows.filter((row) => row.result === result).length;
  process.stdout.write(`\ncase, tries, result, seed ${seed}\n${lines.join('\n')}\n\n`);
  process.stdout.write(`${count('ok')} passed, ${count('FAILED')} failed, ${count('skipped')} skipped\n`);
  if (rows.length === 0) process.stderr.write('no such case: see test/faults\n');
  process.exitCode = count('FAILED') > 0 || rows.length === 0 ? 1 : 0;
});
events.resume();

/** Anything else is a file, or a test that `--only` skipped. */
function isCase(name: string): boolean {
  return /^[A-E]\d+[a-z]? /.test(name) && (only.length === 0 || only.some((pattern) => pattern.test(name)));
}

function ended(name: string, result: Row['result'], ms: number, note: string): void {
  const [id = '', ...words] = name.split(' ');
  rows.push({ id, title: words.join(' '), result, seconds: ms / 1000, note });
  process.stdout.write(`${result.padEnd(7)} ${name} (${(ms / 1000).toFixed(1)} s)\n`);
  if (result === 'FAILED') process.stdout.write(`${note}\n`);
}
