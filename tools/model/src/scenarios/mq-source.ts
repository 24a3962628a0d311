/** The shared-memory queue of `@ipc/mq` over the modelled kernel. */
import * as core from '@ipc/core';
import type { SharedQueue, SharedQueueOptions } from '@ipc/mq';
import type { Monitor } from '@ipc/sync';
import { sharedGlobals } from '../globals.ts';
import { ModelRegion } from '../model-region.ts';
import { party } from '../party.ts';
import { Source, type Edit } from '../source.ts';
import { loopGlobals, native } from '../thread.ts';
import { areaBytes, lockSource } from './lock-source.ts';

/** Constants made small: more of the same looks would be more of the same states, and a larger ring more of the same slots. */
const smaller: readonly Edit[] = [
  {
    file: 'packages/mq/src/slot-ring.ts',
    from: 'const looksAtWriter = 200;',
    to: 'const looksAtWriter = 0;',
  },
  {
    file: 'packages/mq/src/slot-ring.ts',
    from: 'if (left-- > 0) continue;',
    to: 'if (left-- > 0) continue; countSkip();',
  },
  {
    file: 'packages/mq/src/slot-ring.ts',
    from: 'const looksAtFullRing = 100;',
    to: 'const looksAtFullRing = 0;',
  },
  { file: 'packages/mq/src/shared-layout.ts', from: 'const leastShared = 64;', to: 'const leastShared = 2;' },
  {
    file: 'packages/mq/src/shared-layout.ts',
    from: 'const cellsPerBlock = 8;',
    to: 'const cellsPerBlock = 1;',
  },
];

/** Nobody spins: one attempt, and then to sleep. */
class NoSpin {
  until(look: () => boolean): boolean {
    return look();
  }

  woken(): void {
    // it learns nothing
  }
}

/** A receiver that came at that very moment every time would make the sender begin anew for ever: so often is it followed. */
const mostSkips = 1;

interface Mq {
  readonly SharedQueue: {
    openOrCreate(name: string, options: SharedQueueOptions): SharedQueue;
  };
}

/** Where things begin, in bytes, as `planQueue` of shared-layout.ts says. */
export interface QueuePlan {
  readonly claims: number;
  readonly states: number;
  readonly payloads: number;
  readonly blocks: number;
  readonly cells: number;
  readonly bytes: number;
}

interface QueueGeometry {
  readonly cellBytes: number;
  readonly cells: number;
  readonly participants: number;
  readonly ringSlots: number;
  readonly blocks: number;
}

/** What one run of a party has. */
interface Thread {
  readonly Monitor: typeof Monitor;
  skips: number;
  isInside: boolean;
}

export interface MqSource {
  /** The exports of shared-queue.ts, on a thread with nothing on its event loop, and what else that thread remembers. */
  fresh(): Mq & { readonly memory: object };
  plan(geometry: QueueGeometry): QueuePlan;
  /** Whether the party that runs is inside the guard. */
  isInside(): boolean;
}

/** The modules of `@ipc/mq` have no variables that matter, so one set of them does for all runs. */
export function mqSource(edits: readonly Edit[]): MqSource {
  const locks = lockSource(edits);
  let thread: Thread | undefined;
  const current = (): Thread => {
    thread ??= { Monitor: locks.fresh('monitor.ts').Monitor, skips: 0, isInside: false };
    return thread;
  };
  const watched: Pick<typeof Monitor, 'in' | 'bytes'> = {
    bytes: areaBytes,
    in: (...parameters) => {
      const monitor = current().Monitor.in(...parameters);
      const enter = monitor.enter.bind(monitor);
      const leave = monitor.leave.bind(monitor);
      monitor.enter = () => {
        party().condense(enter);
        current().isInside = true;
      };
      monitor.leave = () => {
        current().isInside = false;
        leave();
      };
      return monitor;
    },
  };
  const { ownedCopy } = new Source(sharedGlobals, { '@ipc/core': core }).load(
    'packages/shm/src/owned-copy.ts',
  );
  /** By the method that the memory of a region has here. */
  const setBytes = (to: Uint8Array, from: Uint8Array, offset: number): void => {
    to.set(from, offset);
  };
  const imports = {
    '@ipc/core': core,
    '@ipc/native': native,
    '@ipc/shm': { Region: ModelRegion, ownedCopy, setBytes },
    '@ipc/sync': { Monitor: watched },
    'packages/mq/src/queue-spin.ts': { queueSpin: () => new NoSpin() },
    'packages/mq/src/monotonic-clock.ts': { nowMs: () => 0 },
  };
  const globals = {
    ...sharedGlobals,
    ...loopGlobals,
    countSkip: () => {
      if (++current().skips > mostSkips) party().abandon();
    },
  };
  const source = new Source(globals, imports, [...smaller, ...edits]);
  let mq: Mq | undefined;
  return {
    fresh() {
      thread = undefined;
      mq ??= source.load('packages/mq/src/shared-queue.ts') as unknown as Mq;
      return { ...mq, memory: current() };
    },
    plan(geometry) {
      const { planQueue } = source.load('packages/mq/src/shared-layout.ts') as unknown as {
        readonly planQueue: (geometry: QueueGeometry) => QueuePlan;
      };
      return planQueue(geometry);
    },
    isInside: () => current().isInside,
  };
}
