/** One test per clause of the channel contract (see `channel.ts` in `@ipc/core`) that takes two processes to see. */
import type { Channel, Traits } from '@ipc/core';
import { describe, expect, test } from 'vitest';
import { expectBytes, pattern } from './bytes.ts';
import { numbered } from './channel-commands.ts';
import { fill } from './fill.ts';
import type { Peer } from './peer.ts';

/** A channel of this process and the peer at its other end, which serves {@link channelCommands} over it. */
export interface ConnectedPeer extends AsyncDisposable {
  readonly channel: Channel;
  readonly peer: Peer;
}

/** Registers the suite. `connect` starts a peer of its own for each test, and disposing ends it. */
export function processConformance(
  id: string,
  connect: () => Promise<ConnectedPeer>,
  { maxMessageBytes, halfClose }: Pick<Traits, 'maxMessageBytes' | 'halfClose'>,
): void {
  const peerGone = { code: 'ERR_IPC_PEER_GONE' };

  describe(`${id} keeps the channel contract across processes`, () => {
    test('C1 C2 carries numbered messages both ways between two processes', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      const length = Math.min(maxMessageBytes, 1_000);
      const sent = peer.call('send', 2_000, length);
      for (let n = 0; n < 2_000; n++) expectBytes(await channel.receive(), numbered(n, length));
      await sent;
      const received = peer.call('receive', 2_000, length);
      for (let n = 0; n < 2_000; n++) await channel.send(numbered(n, length));
      await received;
      await channel.close();
    });

    test('C5 each process sees a clean end of the other', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      await peer.call('send', 3, 8);
      const closed = peer.call('close');
      for (let n = 0; n < 3; n++) expectBytes(await channel.receive(), numbered(n, 8));
      expect(await channel.receive()).toBeUndefined();
      await closed;
      await channel.close();
    });

    test('C7 drains, then reports the peer gone, when the peer is killed', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      await peer.call('send', 3, 32); // it has flushed three messages and is now idle
      await peer.kill('SIGKILL');
      for (let n = 0; n < 3; n++) expectBytes(await channel.receive(), numbered(n, 32));
      await expect(channel.receive()).rejects.toMatchObject(peerGone);
      await expect(channel.receive()).rejects.toMatchObject(peerGone);
      await expect(channel.send(pattern(1))).rejects.toMatchObject(peerGone);
      expect(await channel.closed).toMatchObject(peerGone);
      await channel.close();
    });

    test('C7 drains also when the peer is killed with messages unread', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      await peer.call('send', 3, 32);
      await channel.send(pattern(1));
      await channel.flush();
      await peer.kill('SIGKILL');
      for (let n = 0; n < 3; n++) expectBytes(await channel.receive(), numbered(n, 32));
      await expect(channel.receive()).rejects.toMatchObject(peerGone);
      await channel.close();
    });

    test('C7 fails a receive that waits when the peer is killed', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      const waiting = expect(channel.receive()).rejects.toMatchObject(peerGone);
      await peer.kill('SIGKILL');
      await waiting;
      await channel.close();
    });

    test('C7 fails a send that waits for room when the peer is killed', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      const filler = pattern(Math.min(maxMessageBytes, 64 << 10));
      await fill(channel, filler, 10_000);
      const waiting = expect(channel.send(filler)).rejects.toMatchObject(peerGone);
      await peer.kill('SIGKILL');
      await waiting;
      await channel.close();
    });

    test('C7 delivers whole messages only, when the peer is killed while it sends', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      const length = Math.min(maxMessageBytes, 3_000);
      await peer.call('flood', length);
      for (let n = 0; n < 500; n++) expectBytes(await channel.receive(), numbered(n, length));
      const killed = peer.kill('SIGKILL');
      const rest = async (): Promise<void> => {
        for (let n = 500; ; n++) expectBytes(await channel.receive(), numbered(n, length));
      };
      await expect(rest()).rejects.toMatchObject(peerGone);
      await killed;
      await channel.close();
    });

    test('C15 a process that has ended its direction still receives', async (context) => {
      context.skip(!halfClose, 'it can only be closed');
      await using connected = await connect();
      const { channel, peer } = connected;
      await peer.call('send', 3, 32);
      const waiting = (async () => {
        for (let n = 0; n < 3; n++) expectBytes(await channel.receive(), numbered(n, 32));
        return channel.receive();
      })();
      await peer.call('endSending');
      expect(await waiting).toBeUndefined();
      const received = peer.call('receive', 500, 32);
      for (let n = 0; n < 500; n++) await channel.send(numbered(n, 32));
      await received;
      await channel.end();
      await peer.call('end'); // clean there, too
      await channel.close();
      expect(await channel.closed).toBeUndefined();
    });

    test('C15 what was killed after it had ended has ended cleanly, and is gone for who sends', async (context) => {
      context.skip(!halfClose, 'it can only be closed');
      await using connected = await connect();
      const { channel, peer } = connected;
      await peer.call('send', 2, 32);
      await peer.call('endSending');
      await channel.send(pattern(1));
      await peer.kill('SIGKILL');
      for (let n = 0; n < 2; n++) expectBytes(await channel.receive(), numbered(n, 32));
      expect(await channel.receive()).toBeUndefined();
      expect(await channel.closed).toMatchObject(peerGone);
      expect(await channel.receive()).toBeUndefined();
      await expect(channel.send(pattern(1))).rejects.toMatchObject(peerGone);
      await channel.close();
    });

    test('C15 who has ended hears that the peer was killed', async (context) => {
      context.skip(!halfClose, 'it can only be closed');
      await using connected = await connect();
      const { channel, peer } = connected;
      await peer.call('send', 1, 32);
      await channel.end();
      await peer.call('end');
      await peer.kill('SIGKILL');
      expectBytes(await channel.receive(), numbered(0, 32));
      await expect(channel.receive()).rejects.toMatchObject(peerGone);
      await channel.close();
    });

    test('C9 is not fooled by a peer that is only stopped', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      peer.stop();
      await channel.send(numbered(0, 8));
      await expect(channel.receive({ signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
        name: 'TimeoutError',
      });
      peer.resume();
      await peer.call('receive', 1, 8);
      await channel.close();
    });

    test('C12 lets a process end by itself once everything is closed', async () => {
      await using connected = await connect();
      const { channel, peer } = connected;
      await peer.call('send', 3, 8);
      for (let n = 0; n < 3; n++) await channel.receive();
      await channel.close();
      await peer.call('end');
      await peer.call('close');
      await peer.call('leave');
      expect(await peer.exited).toEqual({ code: 0, signal: null });
    });
  });
}
