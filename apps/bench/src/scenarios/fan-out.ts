import {
  defineScenario,
  type CellRequest,
  type Figures,
  type Followers,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import type { Role } from '../subject.ts';
import { combineOneWay, receiveOneWay, sendOneWay } from './throughput.ts';

/** One sends, all others receive every message. */
export const fanOut: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'fan-out',
  question: 'How many messages per second reach every one of that many receivers?',
  placements: ['unpinned'],
  inDepth: 'chosen',
  followers: { chosen: [1, 4], full: [1, 2, 4, 8] },
  sizes: { quick: [] },
  floorScenario: () => undefined,

  run<T>(role: Role, line: Line<T>, request: CellRequest): Promise<Sample> {
    return role === 'leader' ? sendOneWay(line, request) : receiveOneWay(line, request);
  },

  /** The slowest receiver decides. */
  combine(leader: Sample, followers: Followers): Figures {
    const rates = followers.map((follower) => combineOneWay(leader, [follower]).messagesPerSecond ?? 0);
    return { messagesPerSecond: Math.min(...rates) };
  },
});
