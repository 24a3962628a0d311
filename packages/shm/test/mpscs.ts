/** What the tests of the ring of many writers have in common. */
import { MpscReceiver, MpscSender, type MpscOptions } from '@ipc/shm';
import { spawnPeer, uniqueName, type Peer } from '@ipc/testkit';
import { onTestFinished } from 'vitest';

const worker = new URL('../dist-test/workers/mpsc-peer.js', import.meta.url);
export const options: MpscOptions = { capacityBytes: 2048, participants: 8, lifetime: 'while-open' };
/** For processes that really race: a small ring would have them sleep for every few messages. */
export const busy: MpscOptions = { ...options, capacityBytes: 1 << 14 };
/** A watchdog, not a measure: each starts several processes, on a machine that may be busy. */
export const slow: { readonly timeout: number } = { timeout: 60_000 };
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array | undefined): string | undefined =>
  value && Buffer.from(value).toString('latin1');
export const goodbye: Uint8Array = new Uint8Array(0);

export function open(name = uniqueName('mpsc'), shape = options): { name: string; sender: MpscSender } {
  const sender = MpscSender.open(name, shape);
  onTestFinished(() => sender.close());
  return { name, sender };
}

export function receive(name: string, spinUs?: number): MpscReceiver {
  const receiver = MpscReceiver.open(name, { spinUs });
  onTestFinished(() => receiver.close());
  return receiver;
}

export async function peer(): Promise<Peer> {
  const started = await spawnPeer(worker);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

export function received(receiver: MpscReceiver): (string | undefined)[] {
  const all: (string | undefined)[] = [];
  receiver.drain((message) => all.push(text(message)));
  return all;
}
