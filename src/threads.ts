/** Starts the program's threads, from compiled code and, in development and tests, from TypeScript. */

import { Worker } from 'node:worker_threads';

export type ThreadName = 'writer-thread' | 'rebuild-thread';

/**
 * @param databasePath given to the thread as its workerData
 * @returns the thread just started
 */
export function startThread(name: ThreadName, databasePath: string): Worker {
  const isTypeScript = import.meta.url.endsWith('.ts');
  const entry = new URL(`./${name}.${isTypeScript ? 'ts' : 'js'}`, import.meta.url).href;
  if (!isTypeScript) return new Worker(new URL(entry), { workerData: databasePath });
  // A thread does not inherit the TypeScript loader of the thread that starts it.
  const boot = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => { register(); return import(${JSON.stringify(entry)}); });`;
  return new Worker(boot, { eval: true, workerData: databasePath });
}
