import { isIpcError } from '@ipc/core';
import { nowNs } from '../clock.ts';
import {
  defineScenario,
  type CellRequest,
  type Figures,
  type LockScenario,
  type Sample,
  type Site,
  type TransportScenario,
} from '../scenario.ts';
import { victimName, type Victim } from '../start-victim.ts';
import type { GuardedCounter, Role } from '../subject.ts';

/** A peer is killed: until `receive` says so. */
export const peerGone: TransportScenario = defineScenario({
  kind: 'transport',
  id: 'peer-gone',
  question: 'How long after SIGKILL of its peer does a receiver get ERR_IPC_PEER_GONE?',
  inDepth: 'chosen',
  placements: ['cross-core'],
  slow: true,
  floorScenario: () => undefined,
  combine,

  async run(role: Role, { transport, name, victim }: Site, request: CellRequest): Promise<Sample> {
    if (role === 'follower') return idle;
    return sample(request, async () => {
      await using listener = await transport.listen(victimName(name));
      const [killed, channel] = await Promise.all([victim(), listener.accept()]);
      await using connection = channel;
      await connection.receive();
      const gone = connection.receive().then(
        () => Promise.reject(new Error('a killed peer has sent something, or ended in peace')),
        (error: unknown) => {
          if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) throw error;
          return nowNs();
        },
      );
      return await timeFrom(killed, gone);
    });
  },
});

/** The holder of a lock is killed: until the next one has it. */
export const handOver: LockScenario = defineScenario({
  kind: 'lock',
  id: 'hand-over',
  question: 'How long after SIGKILL of its holder does the next one have the lock?',
  inDepth: 'default',
  placements: ['cross-core'],
  slow: true,
  floorScenario: () => undefined,
  combine,

  async run(
    role: Role,
    lock: GuardedCounter,
    request: CellRequest,
    victim: () => Promise<Victim>,
  ): Promise<Sample> {
    if (role === 'follower') return idle;
    return sample(request, async () => {
      const holder = await victim();
      return timeFrom(holder, () => {
        lock.acquire().release(); // blocks the thread
        return nowNs();
      });
    });
  },
});

const idle: Sample = { total: 0 };

/** One time, and as many more as there is time for: starting a process takes a tenth of a second. */
async function sample({ durationNs }: CellRequest, once: () => Promise<number>): Promise<Sample> {
  const endNs = nowNs() + durationNs;
  const latencyNs: number[] = [];
  do latencyNs.push(await once());
  while (nowNs() < endNs);
  return { latencyNs: Float64Array.from(latencyNs), total: 0 }; // nothing was counted under the lock
}

/** From the kill to what it is waited for. */
async function timeFrom(victim: Victim, noticed: Promise<number> | (() => number)): Promise<number> {
  const killedNs = victim.kill();
  const noticedNs = typeof noticed === 'function' ? noticed() : await noticed;
  await victim.ended();
  return noticedNs - killedNs;
}

function combine({ latencyNs }: Sample): Figures {
  return { latencyNs: latencyNs ?? new Float64Array() };
}
