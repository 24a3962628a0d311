import { Spin } from '@ipc/shm';

/** About what it costs to wake a process on another processor: sleeping for less than this was not worth it. */
const spinUs = 100;
/** Each attempt may keep the peer from the very thing that is waited for. */
const restUs = 1;

/** Trying again for a while before sleeping, as all queues do. BLOCKS for 100 µs at most, where that has paid lately. */
export function queueSpin(): Spin {
  return new Spin(spinUs, restUs);
}
