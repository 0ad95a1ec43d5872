/** B10: a supervisor holds the listening socket, so that a restart refuses no connection. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { until } from '../support/receiver.ts';
import { fault } from './support/fault.ts';
import { checkLines, checkLog, checkMemory, checkRecovery } from './support/invariants.ts';

const HOLDER = join(import.meta.dirname, 'support/hold-socket.sh');
const RESTARTS = 10;
const DELIVERIES_BETWEEN = 200;

/**
 * Seen to fail without `listenFd` in receiver.ts (the program opened PORT itself): the kernel accepted the connections,
 * but nobody answered them.
 */
for (const [id, signal, ending] of [
  ['B10a', 'SIGKILL', 'kill -9'],
  ['B10b', 'SIGTERM', 'SIGTERM'],
] as const) {
  fault(
    id,
    `${ending} under load refuses no connection while a supervisor holds the socket`,
    ['systemd-socket-activate'],
    async (given) => {
      const { folder, port, ledger } = given;
      const passed = ['WEBHOOK_SECRET', 'PATH'].flatMap((name) => ['-E', name]);
      const holder = folder.start({}, [
        ...['systemd-socket-activate', '-l', `127.0.0.1:${port}`, ...passed],
        ...['sh', HOLDER],
      ]);
      /** The process id of the program that has the socket now. */
      const pid = () => Number([...holder.output().matchAll(/^held (\d+)$/gm)].at(-1)?.[1]);
      await until(() => holder.errors().includes('Listening on'), 'the socket is there');

      const load = given.startLoad({ connections: 16 });
      for (let restart = 1; restart <= RESTARTS; restart++) {
        await load.acknowledged(DELIVERIES_BETWEEN);
        const ended = pid();
        process.kill(ended, signal);
        await until(() => pid() !== ended, 'the next one is started');
      }
      await load.acknowledged(DELIVERIES_BETWEEN);
      await load.finish();
      await checkRecovery(given);
      const memoryBytes = checkMemory(pid());

      holder.kill('SIGTERM');
      process.kill(pid(), 'SIGTERM');
      await holder.ended();
      checkLines(holder.output());
      const { events, acknowledged } = await checkLog(folder.databasePath, ledger);
      assert.equal(load.counts.refused, 0, 'connections refused');
      const { broken, silenceMs } = load.counts;
      given.report(
        RESTARTS,
        `0 connections refused, 0 of ${acknowledged} lost, ${events} events; ${broken} requests cut off and sent again; longest wait for a 200 ${silenceMs.toFixed(0)} ms; ${(memoryBytes / 1e6).toFixed(0)} MB`,
      );
    },
  );
}
