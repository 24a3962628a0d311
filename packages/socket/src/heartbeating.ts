/**
 * A transport whose channels notice a peer that hangs: alive for the kernel, and deaf.
 *
 * The kernel tells at once of a peer that has died on this machine. It does not tell of one that is stopped or loops, nor of
 * one behind a network that has gone. Both ends have to be wrapped; see `beat.ts` for what travels.
 */
import { channelOf, type Channel, type Listener, type Transport } from '@ipc/core';
import { ESCAPE_BYTES } from './beat.ts';
import { mapListener } from './map-listener.ts';
import { Pulse } from './pulse.ts';

export interface HeartbeatOptions {
  /** A beat is sent when nothing else was for this long. @default 1000 */
  readonly intervalMs?: number | undefined;
  /**
   * The channel fails with ERR_IPC_PEER_GONE when nothing, not even a beat or a part of a message, has come for this long. It
   * counts from the first thing heard: a peer that has not accepted yet is not late. @default three intervals
   */
  readonly timeoutMs?: number | undefined;
  /** The channel closes, cleanly for the peer, when no message went either way for this long. @default never */
  readonly idleMs?: number | undefined;
}

/**
 * Wraps a transport: its channels send heartbeats, and fail when the peer's stay away.
 *
 * While a message waits here to be received, nothing more is read (C4), and the peer is not late. A thread that was
 * blocked or starved itself first reads what came meanwhile, and judges by what it has seen. No timer here keeps the process alive. Messages may be one byte shorter
 * than those of `transport`.
 *
 * @throws {RangeError} A time below 1 ms, or `timeoutMs` not above `intervalMs`.
 */
export function heartbeating(transport: Transport, options: HeartbeatOptions = {}): Transport {
  const { intervalMs = 1000, timeoutMs = 3 * intervalMs, idleMs = Infinity } = options;
  for (const [name, value] of Object.entries({ intervalMs, timeoutMs, idleMs }))
    if (!(value >= 1)) throw new RangeError(`${name} must be at least 1, got ${value}`);
  if (timeoutMs <= intervalMs)
    throw new RangeError(`timeoutMs must be above intervalMs, which is ${intervalMs}`);
  const maxMessageBytes = transport.traits.maxMessageBytes - ESCAPE_BYTES;
  const wrap = (channel: Channel): Channel => {
    const pulse = new Pulse(channel, maxMessageBytes, { intervalMs, timeoutMs, idleMs });
    return channelOf(pulse, pulse.receivePort);
  };
  return {
    id: transport.id,
    traits: { ...transport.traits, maxMessageBytes, halfClose: true },
    listen: async (name, wait): Promise<Listener> => mapListener(await transport.listen(name, wait), wrap),
    connect: async (name, wait) => wrap(await transport.connect(name, wait)),
  };
}
