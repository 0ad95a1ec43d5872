/** `./irisx verify`: checks the whole database file, also while the server runs, and prints one line per check. */

import type { Config } from '../src/config/config.ts';
import type { Engine } from '../src/core/engine/engine.ts';
import { errorText } from '../src/core/engine-error.ts';
import {
  type Anchor,
  anchorProblem,
  type Fault,
  type LogVerification,
  type Signed,
  verifyLog,
} from '../src/core/inspect/verify-log.ts';
import { harmless } from '../src/core/logger.ts';
import { IRISX } from '../src/core/packaging.ts';
import { type Arguments, runCommand, UsageError } from './cli/command.ts';
import { knownSecrets, readEnvironment, requireDatabase } from './cli/environment.ts';
import { counted, grouped } from './cli/numbers.ts';
import { createProgress, type Progress } from './cli/progress.ts';
import { tableLines, unfoldedLines } from './cli/table-lines.ts';

const USAGE = `
${IRISX} verify [options]
Checks the database file, also while the server runs: SQLite's own integrity, the sequence of events, the hash
chain over them, their signatures, and that the tables match the log.

  --anchor SEQ:CHAIN  also checks that this head, noted earlier or elsewhere, is still in the log:
                      without it, events missing from the log's end go unnoticed
  --secret S          every secret that signed events in the log, separated by commas; default: WEBHOOK_SECRET,
                      or else the development secret, and, for old secrets, WEBHOOK_SECRETS_RETIRED

Prints one line per check, then the log's head. Exit code 0: all checks passed.

  ${IRISX} verify
  ${IRISX} verify --anchor 1234:9f2c…
`;

const OPTIONS = { anchor: { type: 'string' }, secret: { type: 'string' } } as const;

/** The result of a check; its details are printed below its line. */
interface Finding {
  readonly state: 'ok' | 'FAILED' | 'skipped';
  readonly text: string;
  readonly details?: readonly string[];
}

const DETAILS_MAX = 20;
const STATE_CHARS = 7;

async function main({ values }: Arguments<typeof OPTIONS>): Promise<number> {
  const anchor = values.anchor === undefined ? undefined : readAnchor(values.anchor);
  const config = readEnvironment(values.secret);
  const engine = await requireDatabase(config);

  const progress = createProgress();
  let isGood = true;
  const report = (name: string, { state, text, details = [] }: Finding) => {
    progress.clear();
    if (state === 'FAILED') isGood = false;
    const shown = details.slice(0, DETAILS_MAX).map((detail) => `  ${harmless(detail)}`);
    process.stdout.write(`${[`${state.padEnd(STATE_CHARS)} ${name}: ${text}`, ...shown].join('\n')}\n`);
  };

  const reader = await engine.openReader();
  try {
    report('file', fileFinding(await reader.damage()));
    const known = namedSecrets(config, values.secret !== undefined);
    const secrets = known.map(({ secret }) => secret);
    const found = await verifyLog(reader, secrets, (done, total) => progress.report('log', done, total));
    report('sequence', sequenceFinding(found));
    report('chain', chainFinding(found));
    report('signatures', signaturesFinding(found, known));
    if (anchor !== undefined) report('anchor', anchorFinding(anchor, await anchorProblem(reader, anchor)));
    report('tables', await tablesFinding(engine, progress));
    process.stdout.write(`head: seq ${found.head.seq}, chain ${hexOf(found.head.chain)}\n`);
  } finally {
    progress.clear();
    await reader.close();
  }
  return isGood ? 0 : 1;
}

function readAnchor(text: string): Anchor {
  const [, seq, chain] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? [];
  if (seq === undefined || chain === undefined)
    throw new UsageError('--anchor must be SEQ:CHAIN, the number and 64 hex digits that "head" shows');
  return { seq: Number(seq), chain: chain.toLowerCase() };
}

function fileFinding(problems: readonly string[]): Finding {
  if (problems.length === 0) return { state: 'ok', text: 'SQLite finds no damage' };
  return { state: 'FAILED', text: 'SQLite finds damage', details: problems };
}

function sequenceFinding({ sequence, events }: LogVerification): Finding {
  if (sequence === undefined) return { state: 'ok', text: `${counted(events, 'event')} without gaps` };
  return { state: 'FAILED', text: faultLine(sequence) };
}

function chainFinding({ chain }: LogVerification): Finding {
  if (chain === undefined) return { state: 'ok', text: 'bodies, times and links are as recorded' };
  return { state: 'FAILED', text: faultLine(chain) };
}

interface NamedSecret {
  /** For display; contains no part of the secret. */
  readonly name: string;
  readonly secret: string;
}

/** All secrets that may have signed events, each once. */
function namedSecrets(config: Config, isGiven: boolean): readonly NamedSecret[] {
  const current = knownSecrets(config);
  const source = isGiven ? '--secret' : config.secrets.length > 0 ? 'WEBHOOK_SECRET' : 'development secret';
  const named = (name: string) => (secret: string, index: number) => ({
    name: `${name} ${index + 1}`,
    secret,
  });
  return [
    ...current.map(named(source)),
    ...config.retiredSecrets
      .filter((secret) => !current.includes(secret))
      .map(named('WEBHOOK_SECRETS_RETIRED')),
  ];
}

function signaturesFinding(found: LogVerification, known: readonly NamedSecret[]): Finding {
  const { signatures, events, unsigned } = found;
  const besides =
    unsigned === 0
      ? ''
      : `; ${counted(unsigned, 'event')} unsigned, recorded with SKIP_SIGNATURE_VERIFICATION`;
  if (known.length === 0) {
    return {
      state: 'skipped',
      text: `not checked, because no secret is known: set WEBHOOK_SECRET${besides}`,
    };
  }
  const signers =
    known.length > 1 ? known.map(({ name }, index) => signerLine(name, found.signed[index])) : [];
  if (signatures === undefined)
    return { state: 'ok', text: `${grouped(events - unsigned)} valid${besides}`, details: signers };
  return {
    state: 'FAILED',
    text: `${faultLine(signatures)}${besides}`,
    details: [
      'if the secret was changed, set WEBHOOK_SECRETS_RETIRED, or WEBHOOK_SECRETS_RETIRED_FILE, to the old ones',
      ...signers,
    ],
  };
}

function signerLine(name: string, signed: Signed | undefined): string {
  if (signed === undefined || signed.events === 0) return `${name}: no events`;
  return `${name}: ${counted(signed.events, 'event')}, the last is seq ${signed.lastSeq}`;
}

function anchorFinding({ seq }: Anchor, problem: string | undefined): Finding {
  if (problem === undefined) return { state: 'ok', text: `seq ${seq} is in the log as noted` };
  return { state: 'FAILED', text: problem };
}

async function tablesFinding(engine: Engine, progress: Progress): Promise<Finding> {
  try {
    const { checks, unfolded } = await engine.check((done, total) => progress.report('tables', done, total));
    const wrong = checks.filter(({ differenceCount }) => differenceCount > 0);
    if (wrong.length > 0) {
      const names = wrong.map(({ name }) => name).join(', ');
      return { state: 'FAILED', text: `${names} differ from the log`, details: wrong.flatMap(tableLines) };
    }
    const sizes = checks.map(({ name, rows }) => `${name} ${grouped(rows)}`).join(', ');
    const text = `they match the log (rows: ${sizes})`;
    return { state: 'ok', text, details: unfoldedLines(unfolded) };
  } catch (error) {
    return { state: 'FAILED', text: `they cannot be compared: ${errorText(error)}` };
  }
}

function faultLine({ count, firstSeq, reason }: Fault): string {
  const others = count === 1 ? '' : `, and ${grouped(count - 1)} more`;
  return `seq ${firstSeq}: ${reason}${others}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

await runCommand(USAGE, OPTIONS, main, false);
