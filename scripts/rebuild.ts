/** `./irisx rebuild`: rebuilds the tables from the log while the server runs, or only compares them. */

import type { Engine, RebuildPhase } from '../src/core/engine/engine.ts';
import { lowerPriority, NICENESS } from '../src/core/low-priority.ts';
import { IRISX } from '../src/core/packaging.ts';
import type { Projection } from '../src/core/tables/projection.ts';
import { derivations } from '../src/projections/index.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { readEnvironment, requireDatabase } from './cli/environment.ts';
import { counted, duration, perSecond } from './cli/numbers.ts';
import { FLAG, knownName } from './cli/options.ts';
import { print, showProgress } from './cli/output.ts';
import { tableLines, unfoldedLines } from './cli/table-lines.ts';

const NAMES = derivations.projections.map(({ name }) => name);

const USAGE = `
${IRISX} rebuild [TABLE …] [--check]
Rebuilds tables from the event log while the server runs. The old tables stay in use until the new ones are complete.
Without a TABLE, all of them: ${NAMES.join(', ')}.

  --check    writes nothing: compares the tables with the log and lists the differences;
             exit code 1 if there are any

  ${IRISX} rebuild
  ${IRISX} rebuild calls contacts
  ${IRISX} rebuild --check
`;

const OPTIONS = { check: FLAG };

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  for (const name of positionals) knownName('table', name, NAMES);
  const isMeant = (name: string) => positionals.length === 0 || positionals.includes(name);
  const engine = await requireDatabase(readEnvironment());
  if (values.check) return check(engine, isMeant);
  await rebuildTables(
    engine,
    derivations.projections.filter(({ name }) => isMeant(name)),
  );
  return 0;
}

async function check(engine: Engine, isMeant: (name: string) => boolean): Promise<number> {
  const { checks, unfolded } = await engine.check((done, total) => showProgress('comparing', done, total));
  const meant = checks.filter(({ name }) => isMeant(name));
  await print([...meant.flatMap(tableLines), ...unfoldedLines(unfolded)]);
  return meant.every(({ differenceCount }) => differenceCount === 0) ? 0 : 1;
}

const PHASES: Readonly<Record<RebuildPhase, string>> = {
  fold: 'reading the log',
  clean: 'removing the old tables',
};

async function rebuildTables(engine: Engine, projections: readonly Projection[]): Promise<void> {
  await engine.create((text) => process.stderr.write(`note: ${text}\n`));
  lowerPriority(NICENESS.writing);
  const startedMs = performance.now();
  const { seq, rows, failures } = await engine.rebuild({
    projections,
    onProgress: (phase, done, total) => showProgress(PHASES[phase], done, total),
  });
  const ms = performance.now() - startedMs;
  await print([
    ...projections.map(({ name }) => `${name}: ${counted(rows[name] ?? 0, 'row')}`),
    `failures: ${counted(failures, 'row')}`,
    `rebuilt from ${counted(seq, 'event')} in ${duration(ms)}, ${perSecond(seq, ms)}`,
  ]);
}

await executeCommand(USAGE, OPTIONS, main);
