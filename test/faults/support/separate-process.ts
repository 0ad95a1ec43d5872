/**
 * A separate process that a case controls, so that thousands of sockets and the work of a flood are not in the process
 * that measures.
 */

import { fork } from 'node:child_process';
import { basename } from 'node:path';

export interface SeparateProcess<Seen> {
  /** Resolves when its preparation is complete. */
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

/**
 * @param file `import.meta.filename` of the file that calls this: started as a process, it does the work
 * @param prepare gets the options and does the work; returns a function that reports what has been seen so far
 * @returns a function that starts the process
 */
export function separateProcess<Options extends object, Seen>(
  file: string,
  prepare: (options: Options) => Promise<() => Seen>,
): (options: Options) => SeparateProcess<Seen> {
  if (process.argv[1] === file) serveParent(prepare);
  return (options) => start(file, options);
}

function start<Seen>(file: string, options: object): SeparateProcess<Seen> {
  const name = basename(file, '.ts');
  const child = fork(file, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exit = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const waiting: ((seen: Seen) => void)[] = [];
  const failed = exit.then(() => {
    throw new Error(`the process ${name} has ended`);
  });
  failed.catch(() => {});
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: Message<Seen>) => {
      if (message.kind === 'ready') resolve();
      else if (message.kind === 'failed') reject(new Error(`the process ${name}: ${message.text}`));
      else waiting.shift()?.(message.seen);
    });
    child.send(options);
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

function serveParent<Options, Seen>(prepare: (options: Options) => Promise<() => Seen>): void {
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
