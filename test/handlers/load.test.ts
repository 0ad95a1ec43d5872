import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as calls from '../../src/handlers/calls.ts';
import { HANDLED_TYPES } from '../../src/handlers/handler.ts';
import { loadHandlers } from '../../src/handlers/load.ts';
import * as recordings from '../../src/handlers/recordings.ts';
import * as sms from '../../src/handlers/sms.ts';
import { temporaryFolder } from '../support/receiver.ts';
import { undoneAfterEach } from '../support/undo.ts';

const atEnd = undoneAfterEach();

function modulePath(source: string, name = 'handlers.mjs'): string {
  const folder = temporaryFolder();
  atEnd(folder.remove);
  const path = join(folder.path, name);
  writeFileSync(path, source);
  return path;
}

/** Checks that loading fails with one line that begins with the variable. */
function refused(path: string, message: RegExp) {
  return assert.rejects(loadHandlers(path), (error: Error) => {
    assert.equal(error.name, 'HandlersRefused');
    assert.doesNotMatch(error.message, /\n/);
    assert.ok(error.message.startsWith(`HANDLERS=${path}`), error.message);
    assert.match(error.message, message);
    return true;
  });
}

describe('the handlers of src/handlers', () => {
  it('exist for each documented type, under its name, and do nothing until somebody writes them', async () => {
    const exported = Object.keys({ ...calls, ...sms, ...recordings });
    assert.deepEqual(exported.toSorted(), [...HANDLED_TYPES.keys()].toSorted());
    assert.equal(exported.length, 14);
    assert.equal((await loadHandlers(undefined)).size, 0);
  });
});

describe('a module of handlers', () => {
  it('may export any of the names, and anything else', async () => {
    const path = modulePath(
      'export function handleSmsReceived() {}\nexport const handleCallFailed = async () => {};\nexport const other = 1;',
    );
    assert.deepEqual([...(await loadHandlers(path)).keys()].toSorted(), ['call.failed', 'sms.received']);
  });

  it('is refused if a name starts like a handler’s but is not one; the valid names are listed', async () => {
    const path = modulePath('export function handleCallComplete() {}');
    await refused(path, /exports handleCallComplete, which is not a handler name: .*handleCallCompleted/);
  });

  it('is refused if a handler is not a function, or if it has no handlers', async () => {
    await refused(modulePath('export const handleCallFailed = 1;'), /must be a function, got number/);
    await refused(modulePath('export const nothing = 1;'), /exports no handler: export a function under/);
  });

  it('is refused with advice if it cannot be found or read', async () => {
    await refused(join(temporaryFolder().path, 'none.mjs'), /the file does not exist/);
    await refused(modulePath('export const x = ;'), /Unexpected token ';' \(SyntaxError\): node '\//);
    await refused(modulePath("import './gone.mjs';"), /Cannot find module '.*gone\.mjs'/);
    await refused(modulePath('throw new TypeError("not\\ntoday");'), /cannot be loaded: not \(TypeError\)$/);
    await refused(modulePath('throw null;'), /cannot be loaded: null \(Error\)$/);
    await refused(modulePath('const x = ;', "it's.mjs"), /: node '\/\S*\/it'\\''s\.mjs'$/);
    await refused(
      modulePath('', 'handlers.txt'),
      /Unknown file extension ".txt" .*: it must be JavaScript \(\.mjs\) or TypeScript \(\.ts\)$/,
    );
  });
});
