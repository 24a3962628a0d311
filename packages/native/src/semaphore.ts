/** POSIX named semaphores, as other programs have them. Nothing can poll one, hence `start`. */
import { native, unavailable } from './binding.ts';

/** An open named semaphore. Every method throws EBADF after `close`. */
export interface NamedSemaphore {
  /** Takes a permit; false when there is none. Source: sem_trywait(3). */
  tryWait(): boolean;
  /** Takes a permit. BLOCKS the thread. @param timeoutMs - -1 waits for ever (CLOCK_MONOTONIC). @returns false when the time is over. Source: sem_clockwait(3). */
  wait(timeoutMs: number): boolean;
  /** Adds a permit, and wakes one who waits. @throws EOVERFLOW at 2147483647. Source: sem_post(3). */
  post(): void;
  /** Permits, at this moment. Source: sem_getvalue(3). */
  value(): number;
  /**
   * Takes a permit on a thread of its own as soon as there is one, and then makes the eventfd readable: see `taken`.
   * The first call starts the thread. @throws EAGAIN when none can be started.
   */
  start(eventFd: number): void;
  /** Whether the thread has taken a permit, once. */
  taken(): boolean;
  /** Ends what `start` began; whether a permit was taken nevertheless. */
  stop(): boolean;
  /** Ends the thread, too, and gives back what it took unseen. Call it before the eventfd is closed. Closing twice is harmless. */
  close(): void;
}

const Named = native('NamedSemaphore') as unknown as new (
  name: string,
  flags: number,
  mode: number,
  value: number,
) => NamedSemaphore;

/**
 * Opens or creates a named semaphore.
 *
 * @param name - A slash and then no other. @param flags - O_CREAT, O_EXCL. @param value - Of a new one, 0..2147483647.
 * @throws ENOENT, EEXIST, EACCES, EINVAL (the name), ENAMETOOLONG, EMFILE. Source: sem_open(3).
 */
export function semOpen(name: string, flags: number, mode: number, value: number): NamedSemaphore {
  const reason = unavailable();
  if (reason !== undefined) throw reason;
  return new Named(name, flags, mode, value);
}

/** Removes the name; who has the semaphore open keeps it. @throws ENOENT, EACCES. Source: sem_unlink(3). */
export const semUnlink: (name: string) => void = native('semUnlink');
