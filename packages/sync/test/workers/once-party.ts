/** A party in a process of its own for `Once` and `Condition`. */
import { Condition, Mutex, Once } from '@ipc/sync';
import { serveCommands } from '@ipc/testkit/peer';

serveCommands({
  /** Begins the work of a `Once` and never ends it. Answers once it has begun. */
  startForEver(name: string) {
    return new Promise<void>((resolve) => {
      void Once.openOrCreate(name).run(() => {
        resolve();
        return new Promise(() => undefined);
      });
    });
  },
  async notifyUnderMutex(name: string) {
    using mutex = Mutex.openOrCreate(name);
    using condition = Condition.openOrCreate(name);
    await mutex.withLock(() => {
      condition.notifyAll();
    });
  },
  async notifyAndHold(name: string) {
    await Mutex.openOrCreate(name).acquire();
    Condition.openOrCreate(name).notifyAll();
  },
  async startToWait(name: string) {
    const mutex = Mutex.openOrCreate(name);
    void Condition.openOrCreate(name).wait(mutex, await mutex.acquire());
  },
});
