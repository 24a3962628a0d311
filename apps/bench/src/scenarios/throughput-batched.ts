import { Mark } from '../message-format.ts';
import {
  defineScenario,
  type CellRequest,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import type { Link } from '../subject.ts';
import { arrived, parts } from './shape.ts';
import { ArrivalStopwatch, combineOneWay, Lapse } from './throughput.ts';

/** One way, many in flight, in batches: what a mechanism gains when a call carries more than one message. */
export const throughputBatched: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'throughput-batched',
  question: 'How many messages go one way, sent by sendMany and taken by drain?',
  inDepth: 'default',
  sizes: { quick: [], chosen: [1 << 10, 64 << 10], full: [64 << 10] },
  floorScenario: () => 'throughput',
  combine: combineOneWay,

  run: parts(
    (line, request) => send(batching(line), request),
    (line, request) => receive(batching(line), request),
  ),
});

type BatchLink<T> = Link<T> & Required<Pick<Link<T>, 'trySendMany' | 'sendMany' | 'drain'>>;
type BatchLine<T> = Line<T> & { readonly link: BatchLink<T> };

function batching<T>(line: Line<T>): BatchLine<T> {
  const { link } = line;
  if (link.trySendMany === undefined || link.sendMany === undefined || link.drain === undefined) {
    throw new TypeError('throughput-batched needs a link with trySendMany, sendMany and drain');
  }
  return { ...line, link: link as BatchLink<T> };
}

/** Up to 256 messages, of up to half a MiB together. */
function batchLength(messageBytes: number): number {
  return Math.min(256, Math.max(1, Math.floor((512 << 10) / messageBytes)));
}

async function send<T>({ link, format }: BatchLine<T>, request: CellRequest): Promise<Sample> {
  const { messageBytes, warmUpNs, durationNs, leastMessages, mostNs } = request;
  const blanks = Array.from({ length: batchLength(messageBytes) }, () => format.blank(messageBytes));
  const batch = [...blanks];
  let sequence = 0;

  const sendFor = async (timeNs: number, least: number): Promise<void> => {
    const lapse = new Lapse(timeNs, mostNs, sequence + least);
    do {
      blanks.forEach((blank, index) => {
        batch[index] = format.stamp(blank, sequence++, Mark.plain);
      });
      const sent = link.trySendMany(batch);
      if (sent < batch.length) await link.sendMany(batch.slice(sent));
    } while (!lapse.isOver(sequence));
  };

  const marked = format.blank(messageBytes);
  await sendFor(warmUpNs, 1);
  await link.send(format.stamp(marked, sequence++, Mark.start));
  await sendFor(durationNs, leastMessages);
  await link.send(format.stamp(marked, sequence++, Mark.last));
  return { total: sequence };
}

async function receive<T>({ link, format }: BatchLine<T>, { messageBytes }: CellRequest): Promise<Sample> {
  const stopwatch = new ArrivalStopwatch();
  let sequence = 0;
  const take = (message: T): void => {
    const mark = format.check(message, messageBytes, sequence);
    if (mark !== Mark.plain) stopwatch.press(mark, sequence);
    sequence++;
  };
  for (;;) {
    while (!stopwatch.stopped && link.drain(take) > 0);
    if (stopwatch.stopped) return stopwatch.sample;
    const message = arrived(await link.receive(), messageBytes, sequence);
    take(message);
  }
}
