/** Entry of the secrets thread: reports once when each secret was last used, as a line for the log. */

import { secretUse, secretUseText } from '../core/inspect/secret-use.ts';
import { NICENESS } from '../core/low-priority.ts';
import { enterThread } from './entry.ts';
import type { ThreadData } from './thread.ts';

export interface SecretsThreadData extends ThreadData {
  readonly secrets: readonly string[];
}

const { data, engine, send } = enterThread<SecretsThreadData, string>(NICENESS.reading);
const reader = await engine.openReader();
try {
  send(secretUseText(await secretUse(reader, data.secrets)));
} finally {
  await reader.close();
}
