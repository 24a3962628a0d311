/** One test per clause of the channel contract (C1–C15, see `channel.ts` in `@ipc/core`) for a transport. */
import type { Channel, Listener, Transport } from '@ipc/core';
import { describe, expect, test } from 'vitest';
import { expectBytes, pattern } from './bytes.ts';
import { fill } from './fill.ts';
import { halfConformance } from './half-conformance.ts';
import { processConformance } from './process-conformance.ts';
import { spawnPeer } from './spawn-peer.ts';
import { uniqueName } from './unique-name.ts';

/** Two connected ends in this process; disposing closes everything. */
export interface ChannelPair extends AsyncDisposable {
  readonly a: Channel;
  readonly b: Channel;
  readonly listener: Listener;
}

export async function connectedPair(transport: Transport): Promise<ChannelPair> {
  const listener = await transport.listen(uniqueName('pair'));
  const [b, a] = await Promise.all([listener.accept(), transport.connect(listener.name)]);
  return {
    a,
    b,
    listener,
    async [Symbol.asyncDispose]() {
      await Promise.all([a.close(), b.close(), listener.close()]);
    },
  };
}

export interface ChannelConformanceOptions {
  /** The compiled worker that calls `runPeer` with the same transport; required unless `scope` is `process`. */
  readonly peer?: URL;
}

/** Registers the suite: both directions of a channel as halves, then what needs two ends, names and processes. */
export function channelConformance(
  create: () => Transport,
  { peer: peerFile }: ChannelConformanceOptions = {},
): void {
  const transport = create();
  const { id, traits } = transport;
  const { maxMessageBytes } = traits;
  const closed = { code: 'ERR_IPC_CLOSED' };
  const peerGone = { code: 'ERR_IPC_PEER_GONE' };

  for (const direction of ['connector to acceptor', 'acceptor to connector']) {
    halfConformance(
      `${id}, ${direction},`,
      async () => {
        const { a, b, listener } = await connectedPair(transport);
        const [sender, receiver] = direction === 'connector to acceptor' ? [a, b] : [b, a];
        void sender.closed.then(() => listener.close());
        return { sender: sendingEnd(sender, listener), receiver };
      },
      { maxMessageBytes, closedTells: false },
    );
  }

  describe(`${id} keeps the channel contract`, () => {
    test('C1 carries messages both ways at once', async () => {
      await using ends = await connectedPair(transport);
      const { a, b } = ends;
      const length = Math.min(maxMessageBytes, 100_000);
      const send = async (channel: Channel, seed: number): Promise<void> => {
        for (let i = 0; i < 50; i++) await channel.send(pattern(length, seed + i));
      };
      const receive = async (channel: Channel, seed: number): Promise<void> => {
        for (let i = 0; i < 50; i++) expectBytes(await channel.receive(), pattern(length, seed + i));
      };
      await Promise.all([send(a, 1), send(b, 101), receive(a, 101), receive(b, 1)]);
    });

    test('C4 lets one direction go on while the other is held back', async () => {
      await using ends = await connectedPair(transport);
      await fill(ends.a, pattern(Math.min(maxMessageBytes, 64 << 10)), 10_000);
      await ends.b.send(pattern(3));
      expectBytes(await ends.a.receive(), pattern(3));
    });

    test('C5 sending to a peer that has closed rejects with ERR_IPC_PEER_GONE', async () => {
      await using ends = await connectedPair(transport);
      await ends.a.close();
      expect(await ends.b.receive()).toBeUndefined();
      await expect(ends.b.send(pattern(1))).rejects.toMatchObject(peerGone);
      expect(() => ends.b.trySend(pattern(1))).toThrow(expect.objectContaining(peerGone));
    });

    test('C6 closes both ends at once with both directions full', async () => {
      await using ends = await connectedPair(transport);
      const filler = pattern(Math.min(maxMessageBytes, 64 << 10));
      await Promise.all([fill(ends.a, filler, 10_000), fill(ends.b, filler, 10_000)]);
      await Promise.all([ends.a.close(), ends.b.close()]);
      expect(await ends.a.closed).toBeUndefined();
    });

    test('C14 says when the peer has taken what was sent, or that nobody can tell', async () => {
      await using ends = await connectedPair(transport);
      const { a, b } = ends;
      await a.flush({ delivery: 'queued' });
      await a.sendMany([pattern(1), pattern(2)]);
      await a.flush({ delivery: 'kernel' });
      const abort = new AbortController();
      const given = a.flush({ delivery: 'received', signal: abort.signal }).catch((error: unknown) => error);
      const states: string[] = [];
      const received = a.flush({ delivery: 'received' });
      void received.then(
        () => states.push('received'),
        () => states.push('refused'),
      );
      expectBytes(await b.receive(), pattern(1));
      await b.send(pattern(3));
      await a.receive();
      if (states.length > 0) {
        await expect(received).rejects.toMatchObject({ code: 'ERR_IPC_UNSUPPORTED' });
        return;
      }
      abort.abort(new Error('enough'));
      expect(await given).toMatchObject({ message: 'enough' });
      expectBytes(await b.receive(), pattern(2));
      await received; // though nobody asks for another message
      await a.send(pattern(4));
      const never = expect(a.flush({ delivery: 'received' })).rejects.toMatchObject(peerGone);
      await b.close();
      await never;
    });

    test('C15 ends one direction and leaves the other, or says that it cannot', async () => {
      await using ends = await connectedPair(transport);
      const { a, b } = ends;
      await a.sendMany([pattern(1), pattern(2)]);
      if (!traits.halfClose) {
        await expect(a.end()).rejects.toMatchObject({ code: 'ERR_IPC_UNSUPPORTED' });
        await a.send(pattern(3));
        for (const n of [1, 2, 3]) expectBytes(await b.receive(), pattern(n));
        return;
      }
      await Promise.all([a.end(), a.end()]);
      await a.end();
      await expect(a.send(pattern(3))).rejects.toMatchObject(closed);
      expect(() => a.trySend(pattern(3))).toThrow(expect.objectContaining(closed));
      expect(() => a.trySendMany([pattern(3)])).toThrow(expect.objectContaining(closed));
      for (const n of [1, 2]) expectBytes(await b.receive(), pattern(n));
      for (let again = 0; again < 2; again++) expect(await b.receive()).toBeUndefined();
      await b.ready();
      expect(b.tryReceive()).toBeUndefined();
      expect(b.drain(() => undefined)).toBe(0);
      for (let n = 0; n < 100; n++) {
        await b.send(pattern(n));
        expectBytes(await a.receive(), pattern(n));
      }
      await b.close();
      expect(await a.receive()).toBeUndefined();
      await a.close();
      await expect(a.end()).rejects.toMatchObject(closed);
    });

    test('C15 both directions end, and the channel is over when it is closed', async (context) => {
      context.skip(!traits.halfClose, 'it can only be closed');
      await using ends = await connectedPair(transport);
      const { a, b } = ends;
      const waiting = [a.receive(), b.receive()];
      await Promise.all([a.end(), b.end()]);
      expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
      const states: string[] = [];
      void Promise.race([a.closed, b.closed]).then(() => states.push('closed'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(states).toEqual([]);
      await Promise.all([a.close(), b.close()]);
      expect(await a.closed).toBeUndefined();
    });

    test('C15 C14 what was sent before the end is flushed as far as was asked for', async (context) => {
      context.skip(!traits.halfClose, 'it can only be closed');
      await using ends = await connectedPair(transport);
      const { a, b } = ends;
      await a.send(pattern(1));
      await a.end();
      await a.flush();
      const received = a.flush({ delivery: 'received' }).then(
        () => 'received',
        (error: unknown) => (error as { code: string }).code,
      );
      expectBytes(await b.receive(), pattern(1));
      expect(await b.receive()).toBeUndefined();
      expect(await received).toBeOneOf(['received', 'ERR_IPC_UNSUPPORTED']);
    });

    test('C15 C8 an end that is aborted while it waits is as if never asked', async (context) => {
      context.skip(!traits.halfClose, 'it can only be closed');
      await using ends = await connectedPair(transport);
      const { a, b } = ends;
      const filler = pattern(Math.min(maxMessageBytes, 64 << 10));
      const accepted = await fill(a, filler, 10_000);
      const waiting = a.send(filler); // what holds the end up wherever what was accepted has left this process
      const abort = new AbortController();
      const given = expect(a.end({ signal: abort.signal })).rejects.toThrow('enough');
      await expect(a.send(filler)).rejects.toMatchObject(closed);
      abort.abort(new Error('enough'));
      await given;
      for (let n = 0; n < accepted; n++) expectBytes(await b.receive(), filler);
      expectBytes(await b.receive(), filler);
      await waiting;
      await a.send(pattern(5));
      expectBytes(await b.receive(), pattern(5));
    });

    test('C6 closes a listener: waiting accepts fail, later ones too, and the name is free', async () => {
      await using listener = await transport.listen(uniqueName('c6'));
      const waiting = expect(listener.accept()).rejects.toMatchObject(closed);
      await listener.close();
      await listener.close();
      await waiting;
      await expect(listener.accept()).rejects.toMatchObject(closed);
      await using again = await transport.listen(listener.name);
      expect(again.name).toBe(listener.name);
    });

    test('C8 aborts a waiting accept and stays usable', async () => {
      await using listener = await transport.listen(uniqueName('c8'));
      const abort = new AbortController();
      const waiting = expect(listener.accept({ signal: abort.signal })).rejects.toThrow('enough');
      abort.abort(new Error('enough'));
      await waiting;
      const [b, a] = await Promise.all([listener.accept(), transport.connect(listener.name)]);
      await Promise.all([a.close(), b.close()]);
      await expect(transport.listen(uniqueName('c8'), { signal: abort.signal })).rejects.toThrow('enough');
      await expect(transport.connect(listener.name, { signal: abort.signal })).rejects.toThrow('enough');
    });

    test('C10 gives a name to one listener, and says when there is none', async () => {
      await using ends = await connectedPair(transport);
      await expect(transport.listen(ends.listener.name)).rejects.toMatchObject({ code: 'ERR_IPC_EXISTS' });
      await expect(transport.connect(uniqueName('nobody'))).rejects.toMatchObject({
        code: 'ERR_IPC_NOT_FOUND',
      });
    });

    test.each(['', '../x', 'a/b', '.hidden', 'x'.repeat(65), 'nul\0', 7])(
      'C10 refuses the name %j',
      async (name) => {
        await expect(transport.listen(name as string)).rejects.toThrow(TypeError);
        await expect(transport.connect(name as string)).rejects.toThrow(TypeError);
      },
    );

    test('C10 accepts many channels on one name, each on its own', async (context) => {
      context.skip(traits.peers === 'one', 'its listener accepts one channel');
      await using listener = await transport.listen(uniqueName('many'));
      const near = await Promise.all(Array.from({ length: 8 }, () => transport.connect(listener.name)));
      const far: Channel[] = [];
      for (let i = 0; i < 8; i++) far.push(await listener.accept());
      await Promise.all(near.map((channel, i) => channel.send(pattern(4, i))));
      const seeds = await Promise.all(far.map(async (channel) => (await channel.receive())?.[0]));
      expect(new Set(seeds)).toEqual(new Set(near.map((_, i) => pattern(4, i)[0])));
      await Promise.all([...near, ...far].map((channel) => channel.close()));
    });
  });

  if (peerFile === undefined) return;

  processConformance(
    id,
    async () => {
      const listener = await transport.listen(uniqueName('peer'));
      const peer = await spawnPeer(peerFile);
      const [channel] = await Promise.all([listener.accept(), peer.call('connect', listener.name)]);
      return {
        channel,
        peer,
        async [Symbol.asyncDispose]() {
          await peer.kill();
          await Promise.all([channel.close(), listener.close()]);
        },
      };
    },
    traits,
  );

  describe(`${id} keeps its names between processes`, () => {
    test('C5 a process that listened sees a clean end', async () => {
      await using peer = await spawnPeer(peerFile);
      const name = uniqueName('c5');
      await peer.call('listen', name);
      const [, channel] = await Promise.all([peer.call('accept'), transport.connect(name)]);
      await channel.close();
      await peer.call('end');
      await peer.call('close');
    });

    test('C10 reclaims the name of a listener that was killed', async () => {
      const name = uniqueName('c10');
      await using peer = await spawnPeer(peerFile);
      await peer.call('listen', name);
      await expect(transport.listen(name)).rejects.toMatchObject({ code: 'ERR_IPC_EXISTS' });
      await peer.kill('SIGKILL');
      await expect(transport.connect(name)).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
      await using listener = await transport.listen(name);
      const [b, a] = await Promise.all([listener.accept(), transport.connect(name)]);
      await Promise.all([a.close(), b.close()]);
    });
  });
}

/** The pair's listener goes with its sender: one listener per pair would otherwise stay. */
function sendingEnd(channel: Channel, listener: Listener): Channel {
  return new Proxy(channel, {
    get(target, property) {
      if (property === 'close' || property === Symbol.asyncDispose) {
        return async (...args: Parameters<Channel['close']>) => {
          await Promise.all([target.close(...args), listener.close()]);
        };
      }
      const value = Reflect.get(target, property, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
