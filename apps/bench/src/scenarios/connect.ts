import { isIpcError, type Channel } from '@ipc/core';
import { nowNs } from '../clock.ts';
import {
  defineScenario,
  type CellRequest,
  type Figures,
  type Followers,
  type Sample,
  type Site,
  type TransportScenario,
} from '../scenario.ts';
import type { Role } from '../subject.ts';
import { checkTotals } from './shape.ts';

/** Connection after connection, each used for one request. */
export const connect: TransportScenario = defineScenario({
  kind: 'transport',
  id: 'connect',
  question: 'How long does it take to connect, ask one question, have its answer and close?',
  inDepth: 'chosen',
  placements: ['cross-core'],
  floorScenario: () => undefined,

  run(role: Role, site: Site, request: CellRequest): Promise<Sample> {
    return role === 'leader' ? serve(site) : visit(site, request);
  },

  combine(leader: Sample, [follower]: Followers): Figures {
    checkTotals(follower, 'connections were made', leader, 'were served');
    return { latencyNs: follower.latencyNs ?? new Float64Array() };
  },
});

const QUESTION = 0;
const LAST = 1;
const leastVisits = 5;

/** Accepts until the one that says it is the last. */
async function serve({ transport, name }: Site): Promise<Sample> {
  await using listener = await transport.listen(`${name}-connect`);
  for (let total = 1; ; total++) {
    await using channel = await listener.accept();
    const [question] = (await channel.receive()) ?? [];
    await channel.send(Uint8Array.of(question ?? LAST));
    await channel.receive(); // its end
    if (question !== QUESTION) return { total };
  }
}

async function visit({ transport, name }: Site, { warmUpNs, durationNs }: CellRequest): Promise<Sample> {
  const latencyNs: number[] = [];
  const beginNs = nowNs();
  for (let total = 1; ; total++) {
    const startNs = nowNs();
    const isLast = startNs >= beginNs + warmUpNs + durationNs && latencyNs.length >= leastVisits;
    const channel = await dial(() => transport.connect(`${name}-connect`));
    await channel.send(Uint8Array.of(isLast ? LAST : QUESTION));
    await channel.receive();
    await channel.close();
    // The first one waits for the listener, and is never counted.
    if (total > 1 && startNs >= beginNs + warmUpNs) latencyNs.push(nowNs() - startNs);
    if (isLast) return { latencyNs: Float64Array.from(latencyNs), total };
  }
}

/** The two start at the same time: the follower may be first. */
async function dial(connectOnce: () => Promise<Channel>): Promise<Channel> {
  for (;;) {
    try {
      return await connectOnce();
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_NOT_FOUND')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
