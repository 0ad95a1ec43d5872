/** `./irisx sign`: prints the signature headers of a body, or checks given ones. */

import { isUtf8 } from 'node:buffer';
import { buffer } from 'node:stream/consumers';
import { generateSignature, matchesSignature } from '../src/core/event/signature.ts';
import { IRISX } from '../src/core/packaging.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { knownSecrets, readEnvironment, serverUrl, signingSecret } from './cli/environment.ts';
import { FILLED_TEXT, FLAG, option, TEXT, UsageError } from './cli/options.ts';
import { print } from './cli/output.ts';
import { readFile } from './cli/read-file.ts';

const USAGE = `
${IRISX} sign <file|->  [options]
Prints the headers that sign a body: the exact bytes of a file, or of standard input (-).

  --timestamp T    Unix seconds (default: now; the server accepts 300 seconds either way)
  --secret S       default: the first secret of WEBHOOK_SECRET, or else the development secret
  --prefix         prints the signature as sha256=…
  --curl           prints a curl command line instead, ready to run
  --event TYPE     with --curl: adds X-IRISX-Event, for a body that does not state its type
  --url URL        with --curl; default: PORT and HOST of the configuration
  --verify --signature S --timestamp T
                   checks the given values: prints "valid" (exit code 0) or "invalid signature" (exit code 1)

  ${IRISX} sign body.json
  ${IRISX} sign body.json --curl | sh
  ${IRISX} sign body.json --verify --signature sha256=9f2c… --timestamp 1705329131
`;

const OPTIONS = {
  timestamp: option(readTimestamp),
  secret: FILLED_TEXT,
  event: TEXT,
  url: TEXT,
  signature: TEXT,
  prefix: FLAG,
  curl: FLAG,
  verify: FLAG,
};

const RETIRED = 'it was made with a secret in WEBHOOK_SECRETS_RETIRED, which the server does not accept';

async function main({ values, positionals }: Arguments<typeof OPTIONS>): Promise<number> {
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new UsageError('name one body: a file, or - for standard input');
  if (values.verify && (values.signature === undefined || values.timestamp === undefined))
    throw new UsageError('--verify needs --signature and --timestamp');
  if (!values.verify && values.signature !== undefined) throw new UsageError('--signature is for --verify');

  const config = readEnvironment(values.secret);
  const secret = signingSecret(config);
  const body = file === '-' ? await buffer(process.stdin) : readFile(file);
  if (values.verify) {
    const hex = (values.signature ?? '').replace(/^sha256=/, '');
    const isMadeBy = (secrets: readonly string[]) =>
      matchesSignature(body, hex, values.timestamp ?? '', secrets);
    const isValid = isMadeBy(knownSecrets(config));
    const reason = isMadeBy(config.retiredSecrets) ? `: ${RETIRED}` : '';
    await print([isValid ? 'valid' : `invalid signature${reason}`]);
    return isValid ? 0 : 1;
  }

  const timestamp = values.timestamp ?? String(Math.floor(Date.now() / 1000));
  const signature = generateSignature(body, secret, timestamp);
  const headers = [
    `X-IRISX-Signature: ${values.prefix ? 'sha256=' : ''}${signature}`,
    `X-IRISX-Timestamp: ${timestamp}`,
  ];
  if (!values.curl) await print(headers);
  else {
    if (values.event !== undefined) headers.push(`X-IRISX-Event: ${values.event}`);
    await print([curlLine(values.url ?? serverUrl(config), headers, file, body)]);
  }
  return 0;
}

function readTimestamp(text: string): string {
  if (/^\d{10}$/.test(text)) return text;
  throw new UsageError('--timestamp must be Unix seconds: 10 digits');
}

function curlLine(url: string, headers: readonly string[], file: string, body: Buffer): string {
  const all = ['Content-Type: application/json', ...headers];
  const data = file === '-' ? `--data-raw ${quoted(printable(body))}` : `--data-binary ${quoted(`@${file}`)}`;
  return `curl -sS -X POST ${quoted(url)} ${all.map((header) => `-H ${quoted(header)}`).join(' ')} ${data}`;
}

/** @throws Error if a terminal or a shell would not preserve these bytes */
function printable(body: Buffer): string {
  const text = body.toString('utf8');
  const hasControls = /(?![\n\t])\p{Cc}/u.test(text);
  if (!isUtf8(body) || hasControls)
    throw new Error('the body is not plain text: put it in a file and give the file name');
  return text;
}

/** For a POSIX shell: within single quotes only the single quote itself is special. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

await executeCommand(USAGE, OPTIONS, main);
