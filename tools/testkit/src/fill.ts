import { setTimeout } from 'node:timers/promises';
import type { Sender } from '@ipc/core';

/** Sends until nothing moves any more: every buffer between the two ends is full. Returns how many were sent. */
export async function fill(sender: Sender, message: Uint8Array, most = 100_000): Promise<number> {
  for (let sent = 0, quiet = 0; ;) {
    if (sent >= most) return sent;
    if (sender.trySend(message)) {
      sent++;
      quiet = 0;
    } else if (++quiet > 10) {
      return sent;
    } else {
      await setTimeout(2); // what is in the kernel may still be moving towards the reader's buffer
    }
  }
}
