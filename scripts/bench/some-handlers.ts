/** Handlers for the benchmark: one for each type, each of which waits once, as one that calls a service does. */

import { setImmediate as turn } from 'node:timers/promises';

async function handle(): Promise<void> {
  await turn();
}

export {
  handle as handleCallAnswered,
  handle as handleCallBusy,
  handle as handleCallCancelled,
  handle as handleCallCompleted,
  handle as handleCallFailed,
  handle as handleCallInitiated,
  handle as handleCallNoAnswer,
  handle as handleCallRinging,
  handle as handleRecordingComplete,
  handle as handleRecordingTranscribed,
  handle as handleSmsDelivered,
  handle as handleSmsFailed,
  handle as handleSmsReceived,
  handle as handleSmsSent,
};
