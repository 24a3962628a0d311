import { DamagedMessage, Mark } from '../message-format.ts';
import {
  defineScenario,
  type CellRequest,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import { arrived, parts } from './shape.ts';
import { ArrivalStopwatch, combineOneWay, sendOneWay } from './throughput.ts';

/**
 * One way, message by message, as the floor takes them: into one buffer that is used again. A message that is the
 * receiver's for ever needs memory of its own, which is in no cache yet.
 */
export const throughputCopied: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'throughput-copied',
  question: 'How many messages go one way, each copied into one and the same buffer of the receiver?',
  inDepth: 'chosen',
  sizes: { quick: [], chosen: [64 << 10, 1 << 20] },
  floorScenario: () => 'throughput',
  combine: combineOneWay,

  run: parts(
    sendOneWay,
    // What is no bytes is refused below, by its first message.
    (line, request) => receive(line as Line<unknown> as Line<Uint8Array>, request),
  ),
});

async function receive({ link, format }: Line<Uint8Array>, { messageBytes }: CellRequest): Promise<Sample> {
  if (link.drain === undefined) throw new TypeError('throughput-copied needs a link with drain');
  const stopwatch = new ArrivalStopwatch();
  const own = new Uint8Array(messageBytes);
  let sequence = 0;
  const take = (message: Uint8Array): void => {
    if (message.length !== messageBytes)
      throw new DamagedMessage(sequence, messageBytes, `it has ${message.length} bytes`);
    own.set(message);
    const mark = format.check(own, messageBytes, sequence);
    if (mark !== Mark.plain) stopwatch.press(mark, sequence);
    sequence++;
  };
  for (;;) {
    while (!stopwatch.stopped && link.drain(take, 1) > 0);
    if (stopwatch.stopped) return stopwatch.sample;
    const message = arrived(await link.receive(), messageBytes, sequence);
    take(message);
  }
}
