import { SharedMap, type SharedMapOptions } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

let map: SharedMap | undefined;
const opened = (): SharedMap => {
  if (map === undefined) throw new Error('not open');
  return map;
};

serveCommands({
  open(name: string, options: SharedMapOptions) {
    map = SharedMap.open(name, options);
  },
  set(key: string, fill: number) {
    opened().set(key, new Uint8Array(opened().valueBytes).fill(fill));
  },
  add(key: string, times: number) {
    for (let i = 0; i < times; i++) opened().add(key, 1);
  },
  delete(key: string) {
    return opened().delete(key);
  },
  /** Sets values whose bytes are all the same, and deletes, until it is killed. */
  churn(seed: number, keys: number) {
    const value = new Uint8Array(opened().valueBytes);
    for (let n = seed; ; n = (Math.imul(n, 1103515245) + 12345) & 0x7fffffff) {
      const key = `k${(n >> 8) % keys}`;
      if (n % 3 === 0) opened().delete(key);
      else opened().set(key, value.fill(n >> 4));
    }
  },
  /** Sends itself a signal before the atomic operation that is so many further on. */
  signalAt(steps: number, signal: 'SIGKILL' | 'SIGSTOP') {
    let left = steps;
    for (const name of ['store', 'exchange', 'add', 'sub', 'compareExchange'] as const) {
      const original = Reflect.get(Atomics, name) as () => unknown;
      Reflect.set(Atomics, name, (...args: []) => {
        if (left-- === 0) process.kill(process.pid, signal);
        return original.apply(Atomics, args);
      });
    }
  },
});
