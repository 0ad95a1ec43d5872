/** A handler is code that runs at least once after an event has been logged. Here are the handlers' names and types. */

import { DOCUMENTED_TYPES, type DocumentedType, type TabledType } from '../core/event/event-types.ts';
import type { HandlerContext } from './handler-context.ts';
import type { HandlerData } from './handler-data.ts';

/** Called for each event of its type, at least once. A run that throws or rejects is retried later. */
export type Handler<T extends DocumentedType = DocumentedType> = (
  data: HandlerData<T>,
  context: HandlerContext,
) => unknown;

/** Placeholder for a missing handler: events of that type are skipped. */
export function doNothing(): void {}

/** The handlers by event type, without `doNothing`. */
export type Handlers = ReadonlyMap<TabledType, Handler>;

/** The type of each handler by its export name: `handleCallNoAnswer` is for `call.no_answer`. */
export const HANDLED_TYPES: ReadonlyMap<string, DocumentedType> = new Map(
  DOCUMENTED_TYPES.map((type) => [`handle${type.split(/[._]/).map(capitalized).join('')}`, type]),
);

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** The handlers cannot be used. `message` is one line for the operator: what, where, and what to do. */
export class HandlersRefused extends Error {
  override name = 'HandlersRefused';
}
