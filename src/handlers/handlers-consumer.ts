/** The consumer that calls the handlers. */

import { tabledType } from '../core/event/event-types.ts';
import type { Consumer } from '../core/runs/consumer.ts';
import type { Handlers } from './handler.ts';
import { handlerContext } from './handler-context.ts';
import { handlerData } from './handler-data.ts';

/** @param timeoutMs timeout of one run @param runsMax maximum number of concurrent runs */
export function handlersConsumer(handlers: Handlers, timeoutMs: number, runsMax: number): Consumer {
  return {
    name: 'handlers',
    timeoutMs,
    runsMax,
    runsUserCode: true,
    wants(type) {
      const tabled = tabledType(type);
      return tabled !== undefined && handlers.has(tabled);
    },
    run({ event }, context) {
      const handler = event?.tabled && handlers.get(event.tabled);
      const data = event && handlerData(event);
      return data && handler?.(data, handlerContext(context));
    },
  };
}
