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
import { type Arguments, executeCommand } from './cli/command.ts';
import { knownSecrets, readEnvironment, withLog } from './cli/environment.ts';
import { counted, grouped } from './cli/numbers.ts';
import { FILLED_TEXT, option, UsageError } from './cli/options.ts';
import { print, showProgress } from './cli/output.ts';
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

const OPTIONS = { anchor: option(readAnchor), secret: FILLED_TEXT };

interface Finding {
  readonly state: 'ok' | 'FAILED' | 'skipped';
  readonly text: string;
  /** Printed below its line. */
  readonly details: readonly string[];
}

const DETAILS_MAX = 20;
const STATE_CHARS = 7;

async function main({ values: { anchor, secret } }: Arguments<typeof OPTIONS>): Promise<number> {
  const config = readEnvironment(secret);
  return withLog(config, async ({ engine, reader }) => {
    let isGood = true;
    const report = async (name: string, { state, text, details }: Finding) => {
      if (state === 'FAILED') isGood = false;
      const shown = details.slice(0, DETAILS_MAX).map((detail) => `  ${harmless(detail)}`);
      await print([`${state.padEnd(STATE_CHARS)} ${name}: ${text}`, ...shown]);
    };
    const damage = await reader.damage();
    const damageText = damage.length > 0 ? 'SQLite finds damage' : undefined;
    await report('file', finding(damageText, 'SQLite finds no damage', damage));
    const known = namedSecrets(config, secret !== undefined);
    const secrets = known.map((each) => each.secret);
    const found = await verifyLog(reader, secrets, (done, total) => showProgress('log', done, total));
    const { sequence, chain, events, head } = found;
    await report('sequence', finding(faultText(sequence), `${counted(events, 'event')} without gaps`));
    await report('chain', finding(faultText(chain), 'bodies, times and links are as recorded'));
    await report('signatures', signaturesFinding(found, known));
    if (anchor !== undefined) {
      const problem = await anchorProblem(reader, anchor);
      await report('anchor', finding(problem, `seq ${anchor.seq} is in the log as noted`));
    }
    await report('tables', await tablesFinding(engine));
    await print([`head: seq ${head.seq}, chain ${Buffer.from(head.chain).toString('hex')}`]);
    return isGood ? 0 : 1;
  });
}

/** @param problem undefined if the check passed */
function finding(problem: string | undefined, passed: string, details: readonly string[] = []): Finding {
  return { state: problem === undefined ? 'ok' : 'FAILED', text: problem ?? passed, details };
}

function faultText(fault: Fault | undefined): string | undefined {
  if (fault === undefined) return undefined;
  const others = fault.count === 1 ? '' : `, and ${grouped(fault.count - 1)} more`;
  return `seq ${fault.firstSeq}: ${fault.reason}${others}`;
}

function readAnchor(text: string): Anchor {
  const [, seq, chain] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? [];
  if (seq === undefined || chain === undefined)
    throw new UsageError('--anchor must be SEQ:CHAIN, the number and 64 hex digits that "head" shows');
  return { seq: Number(seq), chain: chain.toLowerCase() };
}

/** All secrets that may have signed events, each once, with a name for display that contains no part of it. */
function namedSecrets(config: Config, isGiven: boolean) {
  const current = knownSecrets(config);
  const retired = config.retiredSecrets.filter((secret) => !current.includes(secret));
  const source = isGiven ? '--secret' : config.secrets.length > 0 ? 'WEBHOOK_SECRET' : 'development secret';
  const named = (secrets: readonly string[], name: string) =>
    secrets.map((secret, index) => ({ name: `${name} ${index + 1}`, secret }));
  return [...named(current, source), ...named(retired, 'WEBHOOK_SECRETS_RETIRED')];
}

function signaturesFinding(found: LogVerification, known: ReturnType<typeof namedSecrets>): Finding {
  const unsigned =
    found.unsigned === 0
      ? ''
      : `; ${counted(found.unsigned, 'event')} unsigned, recorded with SKIP_SIGNATURE_VERIFICATION`;
  if (known.length === 0) {
    const text = `not checked, because no secret is known: set WEBHOOK_SECRET${unsigned}`;
    return { state: 'skipped', text, details: [] };
  }
  const problem = faultText(found.signatures);
  const hint =
    'if the secret was changed, set WEBHOOK_SECRETS_RETIRED, or WEBHOOK_SECRETS_RETIRED_FILE, to the old ones';
  const signers = known.map(({ name }, index) => signerLine(name, found.signed[index]));
  return finding(
    problem && `${problem}${unsigned}`,
    `${grouped(found.events - found.unsigned)} valid${unsigned}`,
    [...(problem === undefined ? [] : [hint]), ...(signers.length > 1 ? signers : [])],
  );
}

function signerLine(name: string, signed: Signed | undefined): string {
  if (signed === undefined || signed.events === 0) return `${name}: no events`;
  return `${name}: ${counted(signed.events, 'event')}, the last is seq ${signed.lastSeq}`;
}

async function tablesFinding(engine: Engine): Promise<Finding> {
  try {
    const { checks, unfolded } = await engine.check((done, total) => showProgress('tables', done, total));
    const wrong = checks.filter(({ differenceCount }) => differenceCount > 0);
    const names = wrong.map(({ name }) => name).join(', ');
    if (wrong.length > 0) return finding(`${names} differ from the log`, '', wrong.flatMap(tableLines));
    const sizes = checks.map(({ name, rows }) => `${name} ${grouped(rows)}`).join(', ');
    return finding(undefined, `they match the log (rows: ${sizes})`, unfoldedLines(unfolded));
  } catch (error) {
    return finding(`they cannot be compared: ${errorText(error)}`, '');
  }
}

await executeCommand(USAGE, OPTIONS, main, false);
