/** TCP ports for programs that cannot use port 0: one that is free at the moment, and one that is not. */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

export async function freePort(): Promise<number> {
  const { port, close } = await takenPort();
  await close();
  return port;
}

/** A port on which this process listens until it is closed. */
export async function takenPort(): Promise<{ port: number; close: () => Promise<unknown> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, close: () => new Promise((resolve) => server.close(resolve)) };
}
