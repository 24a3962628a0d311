import { setTimeout } from 'node:timers/promises';
import { isIpcError, runtimeDirectory, type Channel } from '@ipc/core';
import { spawnChild } from '@ipc/pipe';
import { Region } from '@ipc/shm';
import { times, type Campaign } from '../campaign.ts';
import { namesIn, openDescriptors } from '../left-behind.ts';
import { numbered, numberOf } from '../numbered.ts';
import { transports } from '../transports.ts';
import { campaignName, workerProgram } from '../worker.ts';

const kinds = ['unix', 'seqpacket', 'tcp', 'fifo', 'anonymous pipe', 'heartbeating'] as const;
/** For ever, as good as, also where starting a process takes a minute. */
const patienceMs = 240_000;

/** C2, C3 of sockets and pipes: whichever side is killed, the other has what was flushed, in order and whole, and is told. */
export const channelKill: Campaign = {
  name: 'channel-kill',
  what: 'kill -9 of the sender, then of the receiver, of a channel of each kind of socket and pipe, at a random moment',
  rounds: 2_400,
  async run({ rounds, random }) {
    const name = campaignName('kill');
    const violations: string[] = [];
    const notices: number[] = [];
    let [flushed, received] = [0, 0];
    using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
    const left = (): string =>
      `${openDescriptors()} descriptors, ${namesIn(runtimeDirectory(), name).length} names`;
    let before: string | undefined;
    for (let round = 0; round < rounds; round++) {
      const kind = kinds[Math.floor(round / 2) % kinds.length] ?? 'unix';
      const role = round % 2 === 0 ? 'send' : 'receive';
      region.words.fill(0, 0, 2);
      const afterMs = random() * 20;
      const { count, end, noticeMs } = await kill(kind, role, name, afterMs);
      const [counted = 0, isWrong] = region.words;
      const [sent, taken] = role === 'send' ? [counted, count] : [count, counted];
      const complain = (what: string): void => {
        violations.push(`round ${round}, ${kind}, the one to ${role}: ${what}`);
      };
      if (end !== undefined) complain(end);
      if (isWrong !== 0) complain('it received something else than was sent');
      if (role === 'send' && taken < sent) complain(`${sent} were flushed, ${taken} arrived`);
      if (role === 'receive' && taken > sent + 1) complain(`${sent} were sent, ${taken} arrived`);
      notices.push(noticeMs);
      flushed += sent;
      received += taken;
      // What is loaded and opened at first use stays.
      if (round === 2 * kinds.length - 1) before = left();
    }
    for (let turn = 0; turn < 100 && before !== undefined && left() !== before; turn++) await setTimeout(20);
    if (before !== undefined && left() !== before) violations.push(`${before} before, ${left()} after`);
    return {
      figure: `${rounds} kills, ${flushed} messages sent, ${received} received, none torn, doubled, out of order, or lost by a sender that was killed; from kill to notice ${times(notices)}; ${left()} at the end`,
      violations,
    };
  },
};

interface Outcome {
  /** Messages that this side sent or received. */
  readonly count: number;
  /** What was wrong with how it ended. */
  readonly end: string | undefined;
  readonly noticeMs: number;
}

/** Starts the other side, which sends or receives, and kills it `afterMs` after its first word. */
async function kill(
  kind: (typeof kinds)[number],
  role: 'send' | 'receive',
  name: string,
  afterMs: number,
): Promise<Outcome> {
  const signal = AbortSignal.timeout(patienceMs);
  await using listener = kind === 'anonymous pipe' ? undefined : await transports[kind].listen(name);
  await using child = await spawnChild(process.execPath, [
    workerProgram('channel-party'),
    role,
    kind,
    name,
    name,
  ]);
  const neverThere = child.exited.then((status): never => {
    throw new Error(`${kind}, the one to ${role} ended before it was there: ${JSON.stringify(status)}`);
  });
  await using channel = await Promise.race([listener?.accept({ signal }) ?? child.channel, neverThere]);
  await channel.receive({ signal }); // it is there
  let killedMs = Infinity;
  const killed = setTimeout(afterMs).then(() => {
    killedMs = performance.now();
    return child.kill('SIGKILL');
  });
  const exchange = role === 'send' ? receiveAll : sendAll;
  const { count, error } = await exchange(channel, signal);
  const noticeMs = performance.now() - killedMs;
  await killed;
  return { count, end: isIpcError(error, 'ERR_IPC_PEER_GONE') ? undefined : String(error), noticeMs };
}

interface Exchange {
  readonly count: number;
  readonly error: unknown;
}

async function receiveAll(channel: Channel, signal: AbortSignal): Promise<Exchange> {
  for (let count = 0; ; count++) {
    try {
      const message = channel.tryReceive() ?? (await channel.receive({ signal }));
      if (message === undefined) return { count, error: 'a killed sender looks like one that has closed' };
      const number = numberOf(message);
      if (number !== count)
        return { count, error: `message ${count} expected, ${number < 0 ? 'a torn one' : number} came` };
    } catch (error) {
      return { count, error };
    }
  }
}

async function sendAll(channel: Channel, signal: AbortSignal): Promise<Exchange> {
  for (let count = 0; ; count++) {
    try {
      await channel.send(numbered(count), { signal });
    } catch (error) {
      return { count, error };
    }
  }
}
