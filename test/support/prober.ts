/** Repeatedly requests the health of a server from a separate process, to measure the pauses of its event loop. */

import { type Helper, serveHelper, startHelper } from './helper.ts';
import { openRaw, request } from './raw.ts';

export interface ProberOptions {
  readonly port: number;
}

export interface ProberSeen {
  /** Answers since the last look. */
  readonly probes: number;
  /** The longest wait for one of them, milliseconds. */
  readonly longestMs: number;
}

/** Ready at the first answer. Each `look` resets the figures. */
export function startProber(options: ProberOptions): Helper<ProberSeen> {
  return startHelper<ProberOptions, ProberSeen>('prober', options);
}

async function probe({ port }: ProberOptions): Promise<() => ProberSeen> {
  const connection = await openRaw(port);
  let probes = 0;
  let longestMs = 0;
  const ask = async () => {
    const askedMs = performance.now();
    connection.send(request('GET /health HTTP/1.1'));
    await connection.next();
    probes += 1;
    longestMs = Math.max(longestMs, performance.now() - askedMs);
  };
  await ask();
  void (async () => {
    for (;;) {
      await ask();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  return () => {
    const seen = { probes, longestMs };
    probes = 0;
    longestMs = 0;
    return seen;
  };
}

if (process.argv[1] === import.meta.filename) serveHelper(probe);
