/** A thread as seen from the thread that started it. */

export interface Thread<To> {
  /** @param transfer buffers in the message that are moved instead of copied */
  send(message: To, transfer?: ArrayBuffer[]): void;
  /**
   * Ends the thread. From now on, onEnd() is not called. Neither is onMessage() after `afterMs`.
   * @param afterMs the time in which it may end by itself before it is terminated; 0 if it need not
   * @returns when it has ended
   */
  close(afterMs?: number): Promise<void>;
}

export interface ThreadEvents<From> {
  onMessage(message: From): void;
  /**
   * The thread has ended, and not because of close(); called once.
   * @param error one line; undefined if the thread ended without an error
   * @param code its exit code
   */
  onEnd(error: string | undefined, code: number): void;
}
