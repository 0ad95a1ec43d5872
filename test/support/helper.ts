/**
 * A helper: a process of its own that a case talks to, so that thousands of sockets and a flood's work are not in
 * the process that measures. `startHelper` is the case's end, `serveHelper` the helper's.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

export interface Helper<Seen> {
  /** When it has prepared what it is for. */
  readonly ready: Promise<void>;
  /** What it has seen so far. @throws Error if it has ended */
  look(): Promise<Seen>;
  /** Ends it, and with it all its connections. No effect on one that has ended. */
  end(): Promise<void>;
}

type Message<Seen> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'seen'; readonly seen: Seen };

/** @param name the file beside this one that serves it */
export function startHelper<Options, Seen>(name: string, options: Options): Helper<Seen> {
  const file = join(import.meta.dirname, `${name}.ts`);
  const child: ChildProcess = fork(file, [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exit = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const waiting: ((seen: Seen) => void)[] = [];
  const failed = exit.then(() => {
    throw new Error(`the helper ${name} has ended`);
  });
  failed.catch(() => {});
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: Message<Seen>) => {
      if (message.kind === 'ready') resolve();
      else if (message.kind === 'failed') reject(new Error(`the helper ${name}: ${message.text}`));
      else waiting.shift()?.(message.seen);
    });
    child.send(options as object);
    failed.catch(reject);
  });
  ready.catch(() => {});
  return {
    ready,
    look() {
      const seen = new Promise<Seen>((resolve) => void waiting.push(resolve));
      if (child.connected) child.send('look');
      return Promise.race([seen, failed]);
    },
    async end() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** @param prepare given the options, does the work; what it returns tells what has been seen so far */
export function serveHelper<Options, Seen>(prepare: (options: Options) => Promise<() => Seen>): void {
  const say = (message: Message<Seen>) => void process.send?.(message);
  process.once('message', async (options) => {
    try {
      const look = await prepare(options as Options);
      process.on('message', () => say({ kind: 'seen', seen: look() }));
      say({ kind: 'ready' });
    } catch (error) {
      say({ kind: 'failed', text: String((error as Error).stack) });
    }
  });
  process.once('disconnect', () => process.exit());
}
