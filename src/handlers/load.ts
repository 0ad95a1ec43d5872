/**
 * Which handlers there are: those of this folder, or those that a module of the user's own exports under the same
 * names. Looked at once, at the start, so that a wrong name is an error then and not silence later.
 */

import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { doNothing, HANDLER_NAMES, type Handler, type Handlers, HandlersRefused } from '../core/handler.ts';
import type { HandledType } from '../core/handler-data.ts';
import * as calls from './calls.ts';
import * as recordings from './recordings.ts';
import * as sms from './sms.ts';

type Exported = Readonly<Record<string, unknown>>;

const TYPES = new Map(Object.entries(HANDLER_NAMES).map(([type, name]) => [name, type as HandledType]));

/**
 * @param modulePath absolute; undefined: the handlers of this folder
 * @returns those that do something
 * @throws HandlersRefused
 */
export async function loadHandlers(modulePath: string | undefined): Promise<Handlers> {
  if (modulePath === undefined) return checked({ ...calls, ...sms, ...recordings }, 'src/handlers');
  const origin = `HANDLERS=${modulePath}`;
  const handlers = checked(await load(modulePath, origin), origin);
  if (handlers.size === 0) {
    throw new HandlersRefused(
      `${origin} exports no handler: export a function under one of these names: ${names()}`,
    );
  }
  return handlers;
}

async function load(modulePath: string, origin: string): Promise<Exported> {
  if (!existsSync(modulePath)) throw new HandlersRefused(`${origin}: there is no such file`);
  try {
    return (await import(pathToFileURL(modulePath).href)) as Exported;
  } catch (error) {
    const { name, message, code } = error as NodeJS.ErrnoException;
    const said = message.split('\n')[0];
    if (error instanceof SyntaxError)
      throw new HandlersRefused(
        `${origin} cannot be loaded: ${said} (SyntaxError): node --check ${modulePath}`,
      );
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
      throw new HandlersRefused(`${origin} cannot be loaded: ${said}: compile it to a .mjs file`);
    throw new HandlersRefused(`${origin} cannot be loaded: ${said}${code === undefined ? ` (${name})` : ''}`);
  }
}

function checked(exported: Exported, origin: string): Handlers {
  const handlers = new Map<HandledType, Handler>();
  for (const [name, value] of Object.entries(exported)) {
    const type = TYPES.get(name);
    if (type === undefined) {
      if (name.startsWith('handle'))
        throw new HandlersRefused(`${origin} exports ${name}, which is no handler's name: ${names()}`);
      continue;
    }
    if (typeof value !== 'function')
      throw new HandlersRefused(`${origin} exports ${name}, but not as a function: ${typeof value}`);
    if (value !== doNothing) handlers.set(type, value as Handler);
  }
  return handlers;
}

function names(): string {
  return [...TYPES.keys()].join(', ');
}
