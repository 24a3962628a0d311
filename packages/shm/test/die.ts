import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { ofdLock } from '@ipc/native';

const atomics = ['load', 'store', 'exchange', 'add', 'sub', 'or', 'compareExchange'] as const;

/** What died is kept: a region that is collected closes its descriptor, and by then a stranger has that number. */
const dead: unknown[] = [];

/**
 * Does `use` to what `open` opened, and dies before or after its nth atomic operation: what follows has no effect, and the kernel
 * closes what it had open, with every lock and bell.
 *
 * @returns Whether it died; false when `use` has fewer steps. What it opened is then closed too.
 */
export function dieAtStep<T>(step: number, open: () => T, use: (opened: T) => void): boolean {
  const before = descriptors();
  const opened = open();
  dead.push(opened);
  const own = [...descriptors()].filter(([fd, file]) => before.get(fd) !== file).map(([fd]) => fd);
  let left = step;
  const count = (): void => {
    if (left-- > 0) return;
    left = 0;
    throw new Error('dead');
  };
  const originals = new Map(atomics.map((name) => [name, Reflect.get(Atomics, name) as () => unknown]));
  let died = false;
  try {
    for (const [name, original] of originals) {
      Reflect.set(Atomics, name, (...args: []) => {
        count();
        const result = original.apply(Atomics, args);
        count();
        return result;
      });
    }
    use(opened);
  } catch (error) {
    if ((error as Error).message !== 'dead') throw error;
    died = true;
  } finally {
    for (const [name, original] of originals) Reflect.set(Atomics, name, original);
    for (const fd of own) {
      ofdLock(fd, 'unlock', 0, 0); // a mapping would keep the locks until it is collected
      closeSync(fd);
    }
  }
  return died;
}

/** Every open descriptor, and what it is of. */
function descriptors(): Map<number, string> {
  const open = new Map<number, string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      open.set(Number(fd), readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      // the descriptor of the listing itself
    }
  }
  return open;
}
