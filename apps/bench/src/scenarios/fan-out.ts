import {
  defineScenario,
  type Figures,
  type Followers,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import { crowd, parts } from './shape.ts';
import { combineOneWay, receiveOneWay, sendOneWay } from './throughput.ts';

/** One sends, all others receive every message. */
export const fanOut: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'fan-out',
  question: 'How many messages per second reach every one of that many receivers?',
  ...crowd,

  run: parts(sendOneWay, receiveOneWay),

  /** The slowest receiver decides. */
  combine(leader: Sample, followers: Followers): Figures {
    const rates = followers.map((follower) => combineOneWay(leader, [follower]).messagesPerSecond ?? 0);
    return { messagesPerSecond: Math.min(...rates) };
  },
});
