/** A party that holds one lock and wants another. */
import { Region } from '@ipc/shm';
import { Lease, Mutex, RwLock, Semaphore, type Held, type Permit } from '@ipc/sync';
import { serveCommands } from '@ipc/testkit/peer';

interface Lock {
  acquire(): Promise<Held | Permit>;
  acquireSync?(): Held | Permit;
}

const held: (Held | Permit)[] = [];
let wanted: Lock | undefined;

const open: Record<string, (name: string) => Lock> = {
  Mutex: (name) => Mutex.openOrCreate(name, { trace: true }),
  RwLock: (name) => RwLock.openOrCreate(name).exclusive,
  Semaphore: (name) => Semaphore.openOrCreate(name),
  Lease: (name) => {
    const lease = Lease.openOrCreate(name);
    return { acquire: () => lease.campaign() };
  },
  /** In the second place of a region of somebody's own. */
  embedded: (name) => Mutex.in(Region.open(name, { kind: 'table', version: 7 }), 4096, { trace: true }),
};

serveCommands({
  async take(kind: string, holds: string, wants: string, otherKind = kind) {
    const first = open[kind]?.(holds);
    if (first !== undefined) held.push(await first.acquire());
    wanted = open[otherKind]?.(wants);
  },
  /** Answers before it waits. */
  want(spelling: 'acquire' | 'acquireSync') {
    setTimeout(() => {
      void Promise.resolve(wanted?.[spelling]?.()).then((taken) => {
        if (taken !== undefined) held.push(taken);
      });
    }, 10);
  },
});
