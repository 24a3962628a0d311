import { nowNs } from '../clock.ts';
import { DamagedMessage, Mark, type MessageFormat } from '../message-format.ts';
import {
  defineScenario,
  type CellRequest,
  type Figures,
  type Followers,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import { arrived, crowd, parts, perSecond } from './shape.ts';

/** All others send, one receives. */
export const fanIn: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'fan-in',
  question: 'How many messages per second does one receiver take from that many senders together?',
  ...crowd,
  combine,

  run: parts(gather, contribute),
});

/** A message's number is its sender's index and, in the lower bits, its place among that sender's. */
const PLACE_BITS = 26;
const PLACE_MASK = (1 << PLACE_BITS) - 1;

/** Between two looks at the clock. */
const stride = 32;

/** Sends until time is up; the clock is the same for all. */
async function contribute<T>(
  { index, link, format }: Line<T>,
  { messageBytes, startNs, durationNs }: CellRequest,
): Promise<Sample> {
  const blank = format.blank(messageBytes);
  const base = index << PLACE_BITS;
  let total = 0;
  do {
    for (let i = 0; i < stride; i++) {
      const message = format.stamp(blank, base | (total++ & PLACE_MASK), Mark.plain);
      if (!link.trySend(message)) await link.send(message);
    }
  } while (nowNs() < startNs + durationNs);
  await link.send(format.stamp(blank, base | (total++ & PLACE_MASK), Mark.last));
  return { total };
}

/** Takes until every sender's last message has come; what arrived while all were sending is what counts. */
async function gather<T>({ link, format }: Line<T>, request: CellRequest): Promise<Sample> {
  const { messageBytes, followers, startNs, durationNs } = request;
  const totals = new Array<number>(followers).fill(0);
  let open = followers;
  let total = 0;
  let arrivedNs = 0;
  let beginNs = 0;
  let first = 0;
  let endNs = 0;
  let last = 0;
  while (open > 0) {
    if (total % stride === 0 && endNs === 0) {
      const timeNs = nowNs();
      if (beginNs === 0 && timeNs >= startNs) [beginNs, first] = [timeNs, total];
      else if (timeNs >= startNs + durationNs) [endNs, last] = [timeNs, total];
    }
    const message = arrived(link.tryReceive() ?? (await link.receive()), messageBytes, total);
    if (arrivedNs === 0) arrivedNs = nowNs();
    if (take(format, message, messageBytes, totals) === Mark.last) open--;
    total++;
  }
  if (endNs === 0) [endNs, last] = [nowNs(), total];
  // On a machine so busy that nothing came meanwhile, all that came is the best there is.
  if (beginNs === 0 || last <= first)
    return { count: total, elapsedNs: Math.max(1, nowNs() - arrivedNs), total, totals };
  return { count: last - first, elapsedNs: endNs - beginNs, total, totals };
}

/** Checks a message against what its sender has sent before. */
function take<T>(format: MessageFormat<T>, message: T, messageBytes: number, totals: number[]): Mark {
  const sender = (format.numberOf(message) >>> PLACE_BITS) - 1;
  const place = totals[sender];
  if (place === undefined) throw new DamagedMessage(0, messageBytes, `nobody is sender ${sender + 1}`);
  totals[sender] = place + 1;
  return format.check(message, messageBytes, ((sender + 1) << PLACE_BITS) | (place & PLACE_MASK));
}

function combine(leader: Sample, followers: Followers): Figures {
  const { totals = [] } = leader;
  for (const [index, { total }] of followers.entries()) {
    if (totals[index] !== total)
      throw new Error(`sender ${index + 1} sent ${total} messages and ${String(totals[index])} arrived`);
  }
  return { messagesPerSecond: perSecond(leader) };
}
