/** Handlers for recording events; see calls.ts. */

import { doNothing, type Handler } from './handler.ts';

export const handleRecordingComplete: Handler<'recording.complete'> = doNothing;

export const handleRecordingTranscribed: Handler<'recording.transcribed'> = doNothing;
