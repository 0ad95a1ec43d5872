/** The recorded deliveries of the real sender: 21 of them, of which three are retries of the same bytes. */

import { readFileSync } from 'node:fs';

export interface RecordedDelivery {
  readonly received_at: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const FIXTURE_SECRET = '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0';

export const fixtures: readonly RecordedDelivery[] = readFileSync(
  new URL('../fixtures/deliveries.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as RecordedDelivery);
