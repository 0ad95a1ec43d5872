/** Handlers for the benchmark, one for each type. Each awaits once, like a handler that calls a service. */

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
