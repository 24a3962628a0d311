/** A party that holds one lock and wants another. */
import { Mutex, RwLock, type Held } from '@ipc/sync';
import { serveCommands } from '@ipc/testkit/peer';

interface Lock {
  acquire(): Promise<Held>;
  acquireSync(): Held;
}

const held: Held[] = [];
let wanted: Lock | undefined;

function open(kind: string, name: string): Lock {
  return kind === 'Mutex' ? Mutex.openOrCreate(name, { trace: true }) : RwLock.openOrCreate(name).exclusive;
}

serveCommands({
  take(kind: string, holds: string, wants: string) {
    held.push(open(kind, holds).acquireSync());
    wanted = open(kind, wants);
  },
  /** Answers before it waits. */
  want(spelling: 'acquire' | 'acquireSync') {
    setTimeout(() => {
      void Promise.resolve(wanted?.[spelling]()).then((taken) => {
        if (taken !== undefined) held.push(taken);
      });
    }, 10);
  },
});
