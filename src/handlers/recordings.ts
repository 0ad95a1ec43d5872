/** What happens after an event of a recording is in the log; see calls.ts. */

import { doNothing, type Handler } from '../core/handler.ts';

export const handleRecordingComplete: Handler<'recording.complete'> = doNothing;

export const handleRecordingTranscribed: Handler<'recording.transcribed'> = doNothing;
