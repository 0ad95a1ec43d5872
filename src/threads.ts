/** Starts the program's threads, from compiled code and, in development and tests, from TypeScript. */

import { type ResourceLimits, Worker } from 'node:worker_threads';

export type ThreadName = 'writer-thread' | 'rebuild-thread' | 'handlers-thread' | 'pages-thread';

/**
 * @param workerData what its entry reads
 * @param resourceLimits beyond which the thread is ended
 * @returns the thread just started
 */
export function startThread(
  name: ThreadName,
  workerData: unknown,
  resourceLimits: ResourceLimits = {},
): Worker {
  const isTypeScript = import.meta.url.endsWith('.ts');
  const entry = new URL(`./${name}.${isTypeScript ? 'ts' : 'js'}`, import.meta.url).href;
  if (!isTypeScript) return new Worker(new URL(entry), { workerData, resourceLimits });
  // A thread does not inherit the TypeScript loader of the thread that starts it.
  const boot = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => { register(); return import(${JSON.stringify(entry)}); });`;
  return new Worker(boot, { eval: true, workerData, resourceLimits });
}
