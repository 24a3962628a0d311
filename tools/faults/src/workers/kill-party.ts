/**
 * A sender or a receiver of a line that may be killed at any moment: `kill-party <line> <name> <sender|receiver> <index>`.
 * Those with an odd index block their thread, the others wait on the event loop.
 */
import { KillJournal } from '../kill-journal.ts';
import { killLineOf, type KillInlet, type KillOutlet } from '../kill-lines.ts';
import { whole, wholeNumber } from '../whole.ts';

/** Whoever waits looks this often whether the round is over. */
const lookMs = 50;
const [line = '', name = '', role = '', place = ''] = process.argv.slice(2);
const index = Number(place);
const blocks = index % 2 === 1;
const journal = new KillJournal(name);
const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'TimeoutError';

async function waitAndSend(to: KillInlet, message: Uint8Array): Promise<boolean> {
  if (blocks) return to.sendSync(message, { timeoutMs: lookMs });
  try {
    await to.send(message, { signal: AbortSignal.timeout(lookMs) });
    return true;
  } catch (error) {
    if (isAbort(error)) return false;
    throw error;
  }
}

async function sendUntilEnd(to: KillInlet, round: number): Promise<void> {
  for (let number = 0; number < KillJournal.limit && !journal.hasEnded(round);) {
    const message = whole(index * KillJournal.limit + number, 4 * (1 + ((number * 37) % 3000)));
    if (to.trySend(message) || (await waitAndSend(to, message))) journal.noteSent(index, ++number);
  }
}

/** An empty message ends it. */
async function receiveUntilEnd(from: KillOutlet): Promise<void> {
  const last = new Map<number, number>();
  for (;;) {
    const message =
      from.tryReceive() ?? (blocks ? from.receiveSync({ timeoutMs: lookMs }) : await from.receive());
    if (message === undefined) {
      await new Promise(setImmediate); // hears whether the campaign is still there
      continue;
    }
    if (message.length === 0) return;
    const found = wholeNumber(message);
    if (found < 0) {
      journal.noteTorn();
      continue;
    }
    const sender = Math.floor(found / KillJournal.limit);
    if (found < (last.get(sender) ?? 0)) journal.noteDisorder();
    last.set(sender, found);
    journal.noteReceived(index, sender, found % KillJournal.limit);
  }
}

const { inlet, outlet } = killLineOf(line);
const ends = role === 'sender' ? { to: inlet(name) } : { from: outlet(name) };

/** What the campaign asks for: a round of work, or messages that end the receivers' rounds. */
async function work({ round, last = 0 }: { round?: number; last?: number }): Promise<void> {
  if (ends.from !== undefined) await receiveUntilEnd(ends.from);
  else if (round !== undefined) await sendUntilEnd(ends.to, round);
  else for (let left = last; left > 0;) if (await waitAndSend(ends.to, new Uint8Array(0))) left--;
  process.send?.('done');
}

process.once('disconnect', () => process.exit());
process.on('message', (command: Parameters<typeof work>[0]) => void work(command));
process.send?.('ready');
