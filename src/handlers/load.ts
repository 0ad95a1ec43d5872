/**
 * Loads the handlers: those in this folder, or those that the user's own module exports under the same names. They are
 * checked once, at the start, so that a wrong name is an error then instead of being ignored later.
 */

import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { TabledType } from '../core/event/event-types.ts';
import { doNothing, HANDLED_TYPES, type Handler, type Handlers, HandlersRefused } from './handler.ts';

const NAMES = [...HANDLED_TYPES.keys()].join(', ');

type Exported = Readonly<Record<string, unknown>>;

/**
 * @param modulePath absolute path; undefined for the handlers in this folder
 * @returns the handlers other than `doNothing`
 * @throws HandlersRefused
 */
export async function loadHandlers(modulePath: string | undefined): Promise<Handlers> {
  if (modulePath === undefined) {
    const origin = 'src/handlers';
    const modules = () => Promise.all([import('./calls.ts'), import('./sms.ts'), import('./recordings.ts')]);
    return checked(Object.assign({}, ...(await load(origin, 'npm run types', modules))), origin);
  }
  const origin = `HANDLERS=${modulePath}`;
  if (!existsSync(modulePath)) throw new HandlersRefused(`${origin}: the file does not exist`);
  const exported = await load<Exported>(
    origin,
    `node '${modulePath.replaceAll("'", String.raw`'\''`)}'`,
    () => import(pathToFileURL(modulePath).href),
  );
  const handlers = checked(exported, origin);
  if (handlers.size === 0) {
    throw new HandlersRefused(
      `${origin} exports no handler: export a function under one of these names: ${NAMES}`,
    );
  }
  return handlers;
}

/** @param findSyntaxError a command that locates a syntax error, since not every error includes its location */
async function load<T>(origin: string, findSyntaxError: string, modules: () => Promise<T>): Promise<T> {
  try {
    return await modules();
  } catch (thrown) {
    const error: NodeJS.ErrnoException = thrown instanceof Error ? thrown : new Error(String(thrown));
    const { name, message, code, stack = '' } = error;
    const said = message.split('\n')[0];
    const problem = `${origin} cannot be loaded: ${said}`;
    if (error instanceof SyntaxError) {
      const place = /^file:\S+:\d+$/m.exec(stack)?.[0];
      throw new HandlersRefused(`${problem} (SyntaxError): ${place ?? findSyntaxError}`);
    }
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
      throw new HandlersRefused(`${problem}: it must be JavaScript (.mjs) or TypeScript (.ts)`);
    throw new HandlersRefused(code === undefined ? `${problem} (${name})` : problem);
  }
}

function checked(exported: Exported, origin: string): Handlers {
  const handlers = new Map<TabledType, Handler>();
  for (const [name, value] of Object.entries(exported)) {
    const type = HANDLED_TYPES.get(name);
    if (type === undefined) {
      if (name.startsWith('handle'))
        throw new HandlersRefused(
          `${origin} exports ${name}, which is not a handler name: use one of ${NAMES}`,
        );
      continue;
    }
    if (typeof value !== 'function')
      throw new HandlersRefused(`${origin} exports ${name}, which must be a function, got ${typeof value}`);
    if (value !== doNothing) handlers.set(type, value as Handler);
  }
  return handlers;
}
