/** Entry of the writer thread: runs the writer with this program's projections. */

import { serveBatches } from '../core/writer/writer-loop.ts';
import { enterThread } from './entry.ts';

const { port, engine } = enterThread();
await serveBatches(port, engine);
