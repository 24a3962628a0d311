/** One test per clause of the queue contract (Q1–Q15, see `queue.ts` in `@ipc/mq`) for an engine. */
import { describe, expect, test } from 'vitest';
import { expectBytes, pattern } from './bytes.ts';
import type { Peer } from './peer.ts';
import { spawnPeer } from './spawn-peer.ts';
import { uniqueName } from './unique-name.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
}

interface QueueMessage {
  readonly bytes: Uint8Array;
  readonly priority: number;
}

/** What the suite asks of a queue: `Queue` of `@ipc/mq`, which this package does not import. */
export interface TestedQueue extends Disposable {
  readonly traits: { readonly maxPriority: number; readonly unlink: 'keeps-open' | 'ends-all' };
  send(message: Uint8Array, options?: WaitOptions & { priority?: number }): Promise<void>;
  trySend(message: Uint8Array, options?: { priority?: number }): boolean;
  sendSync(message: Uint8Array, options?: { priority?: number; timeoutMs?: number }): boolean;
  sendMany(messages: readonly Uint8Array[], options?: WaitOptions & { priority?: number }): Promise<void>;
  trySendMany(messages: readonly Uint8Array[], options?: { priority?: number }): number;
  receive(options?: WaitOptions): Promise<QueueMessage>;
  tryReceive(): QueueMessage | undefined;
  receiveSync(options?: { timeoutMs?: number }): QueueMessage | undefined;
  drain(handler: (message: QueueMessage) => void, limit?: number): number;
  attributes(): { readonly maxMessages: number; readonly maxMessageBytes: number; readonly messages: number };
  close(): void;
  unlink(): boolean;
  [Symbol.asyncIterator](): AsyncIterator<QueueMessage, undefined>;
}

/** An engine with its options bound. Queues of the suite hold a few messages of at least 1,024 bytes. */
export interface QueueEngine {
  readonly id: string;
  create(name: string): TestedQueue;
  open(name: string): TestedQueue;
}

/** Registers the suite. `peerFile` is the compiled worker that calls `runQueuePeer` with the same engine. */
export function queueConformance(engine: QueueEngine, peerFile: URL): void {
  const closed = { code: 'ERR_IPC_CLOSED' };
  const notFound = { code: 'ERR_IPC_NOT_FOUND' };

  /** A queue that is unlinked and closed at the end of the test. */
  const fresh = (): { queue: TestedQueue; name: string } & Disposable => {
    const name = uniqueName('q');
    const queue = engine.create(name);
    return {
      queue,
      name,
      [Symbol.dispose]() {
        try {
          queue.unlink();
        } catch {
          // the test closed it
        }
        queue.close();
      },
    };
  };
  const fill = (queue: TestedQueue, length = 16): number => {
    let sent = 0;
    while (queue.trySend(pattern(length, sent))) sent++;
    return sent;
  };
  const drainAll = (queue: TestedQueue): QueueMessage[] => {
    const messages: QueueMessage[] = [];
    queue.drain((message) => void messages.push(message));
    return messages;
  };

  describe(`${engine.id} keeps the queue contract`, () => {
    test.each([0, 1, 7, 64, 65, 1_024])('Q1 carries a message of %i bytes whole', (length) => {
      using made = fresh();
      made.queue.trySend(pattern(length));
      expectBytes(made.queue.tryReceive()?.bytes, pattern(length));
    });

    test('Q1 carries the largest message whole', () => {
      using made = fresh();
      const { maxMessageBytes } = made.queue.attributes();
      made.queue.trySend(pattern(maxMessageBytes));
      expectBytes(made.queue.tryReceive()?.bytes, pattern(maxMessageBytes));
    });

    test('Q2 gives each message to exactly one of several handles', async () => {
      using made = fresh();
      using other = engine.open(made.name);
      const seen: number[] = [];
      const receive = async (queue: TestedQueue): Promise<void> => {
        for (let i = 0; i < 50; i++) seen.push((await queue.receive()).bytes[0] ?? -1);
      };
      const receiving = Promise.all([receive(made.queue), receive(other)]);
      for (let i = 0; i < 100; i++) await (i % 2 === 0 ? made.queue : other).send(Uint8Array.of(i));
      await receiving;
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    });

    test('Q3 the highest priority comes first, equals in their order', () => {
      using made = fresh();
      const { maxPriority } = made.queue.traits;
      for (const [i, priority] of [0, 5, maxPriority, 5, 0].entries())
        made.queue.trySend(Uint8Array.of(i), { priority });
      const messages = drainAll(made.queue);
      expect(messages.map(({ bytes }) => bytes[0])).toEqual([2, 1, 3, 0, 4]);
      expect(messages.map(({ priority }) => priority)).toEqual([maxPriority, 5, 5, 0, 0]);
    });

    test('Q3 concurrent sends keep their order', async () => {
      using made = fresh();
      const sends = Promise.all(Array.from({ length: 200 }, (_, i) => made.queue.send(Uint8Array.of(i))));
      for (let i = 0; i < 200; i++) expect((await made.queue.receive()).bytes[0]).toBe(i);
      await sends;
    });

    test('Q3 nobody overtakes those who wait for room', async () => {
      using made = fresh();
      const held = fill(made.queue);
      const sends = [made.queue.send(pattern(16, 100)), made.queue.send(pattern(16, 101))];
      for (let i = 0; i < 3; i++) made.queue.tryReceive();
      sends.push(made.queue.send(pattern(16, 102)));
      for (let i = 3; i < held; i++) await made.queue.receive();
      for (let i = 100; i < 103; i++) expectBytes((await made.queue.receive()).bytes, pattern(16, i));
      await Promise.all(sends);
    });

    test.each([64, 200])(
      'Q4 buffers of %i bytes may be reused, and received ones are left alone',
      (length) => {
        using made = fresh();
        const buffer = pattern(length);
        made.queue.trySend(buffer);
        buffer.fill(0);
        const first = made.queue.tryReceive();
        for (let round = 0; round < 2; round++) {
          fill(made.queue, length); // all the memory there is
          drainAll(made.queue);
        }
        expectBytes(first?.bytes, pattern(length));
      },
    );

    test('Q5 a full queue refuses, makes senders wait, and goes on when there is room', async () => {
      using made = fresh();
      const held = fill(made.queue);
      expect(held).toBeGreaterThan(0);
      let accepted = false;
      const sent = made.queue.send(Uint8Array.of(99)).then(() => (accepted = true));
      await new Promise((resolve) => setImmediate(resolve));
      expect(accepted).toBe(false);
      expect(made.queue.trySend(Uint8Array.of(98))).toBe(false);
      for (let i = 0; i < held; i++) expectBytes((await made.queue.receive()).bytes, pattern(16, i));
      await sent;
      expect((await made.queue.receive()).bytes[0]).toBe(99);
    });

    test('Q6 those who wait are served in their order', async () => {
      using made = fresh();
      const waiting = Promise.all([made.queue.receive(), made.queue.receive(), made.queue.receive()]);
      for (let i = 0; i < 3; i++) await made.queue.send(Uint8Array.of(i));
      expect((await waiting).map(({ bytes }) => bytes[0])).toEqual([0, 1, 2]);
    });

    test('Q6 a loop that never has to wait leaves the event loop its turns', async () => {
      using made = fresh();
      const turn = new AbortController();
      setImmediate(() => {
        turn.abort();
      });
      for (let i = 0; i < 100_000 && !turn.signal.aborted; i++) {
        await made.queue.send(Uint8Array.of(1));
        await made.queue.receive();
      }
      expect(turn.signal.aborted).toBe(true);
    });

    test('Q7 aborts a receive: no message is lost', async () => {
      using made = fresh();
      const abort = new AbortController();
      const waiting = expect(made.queue.receive({ signal: abort.signal })).rejects.toThrow('enough');
      abort.abort(new Error('enough'));
      await waiting;
      await expect(made.queue.receive({ signal: abort.signal })).rejects.toThrow('enough');
      await made.queue.send(Uint8Array.of(1));
      expect((await made.queue.receive()).bytes[0]).toBe(1);
    });

    test('Q7 aborts a send: the message is not sent, those behind it are', async () => {
      using made = fresh();
      const held = fill(made.queue);
      const abort = new AbortController();
      const first = expect(made.queue.send(Uint8Array.of(1), { signal: abort.signal })).rejects.toThrow(
        'enough',
      );
      const second = made.queue.send(Uint8Array.of(2));
      abort.abort(new Error('enough'));
      await first;
      for (let i = 0; i < held; i++) await made.queue.receive();
      await second;
      expect((await made.queue.receive()).bytes[0]).toBe(2);
      expect(made.queue.tryReceive()).toBeUndefined();
    });

    test('Q7 blocking calls give up when their time is over', () => {
      using made = fresh();
      expect(made.queue.receiveSync({ timeoutMs: 0 })).toBeUndefined();
      expect(made.queue.receiveSync({ timeoutMs: 20 })).toBeUndefined();
      const held = fill(made.queue);
      expect(made.queue.sendSync(Uint8Array.of(1), { timeoutMs: 20 })).toBe(false);
      expect(drainAll(made.queue)).toHaveLength(held);
      expect(made.queue.sendSync(Uint8Array.of(1), { timeoutMs: 20 })).toBe(true);
      expect(made.queue.receiveSync()?.bytes[0]).toBe(1);
      expect(() => made.queue.receiveSync({ timeoutMs: -1 })).toThrow(RangeError);
      expect(() => made.queue.sendSync(Uint8Array.of(1), { timeoutMs: NaN })).toThrow(RangeError);
    });

    test('Q8 sends a batch larger than the queue, in order', async () => {
      using made = fresh();
      const batch = Array.from({ length: 2_000 }, (_, i) => pattern(32, i));
      const sent = made.queue.sendMany(batch, { priority: 3 });
      for (const message of batch) expectBytes((await made.queue.receive()).bytes, message);
      await sent;
      await made.queue.sendMany([]);
    });

    test('Q8 says how much of a batch found room; drains at most the limit; a throwing handler consumes its message', () => {
      using made = fresh();
      const batch = Array.from({ length: 5_000 }, (_, i) => pattern(64, i));
      const sent = made.queue.trySendMany(batch);
      expect(sent).toBeGreaterThan(3);
      expect(sent).toBeLessThan(5_000);
      expect(made.queue.drain(() => undefined, 2)).toBe(2);
      expect(() =>
        made.queue.drain(() => {
          throw new Error('handler');
        }),
      ).toThrow('handler');
      expect(drainAll(made.queue)[0]?.bytes[0]).toBe(3);
      expect(made.queue.drain(() => undefined)).toBe(0);
    });

    test('Q9 refuses bad messages and stays usable', async () => {
      using made = fresh();
      const { queue } = made;
      const tooLarge = new Uint8Array(queue.attributes().maxMessageBytes + 1);
      await expect(queue.send(tooLarge)).rejects.toMatchObject({ code: 'ERR_IPC_TOO_LARGE' });
      expect(() => queue.trySend(tooLarge)).toThrow(expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }));
      for (const priority of [-1, 0.5, NaN, queue.traits.maxPriority + 1]) {
        expect(() => queue.trySend(pattern(1), { priority })).toThrow(RangeError);
      }
      await expect(queue.send('text' as never)).rejects.toThrow(TypeError);
      expect(() => queue.trySendMany([pattern(1), undefined as never])).toThrow(TypeError);
      expect(queue.tryReceive()).toBeUndefined();
      await queue.send(pattern(3));
      expectBytes((await queue.receive()).bytes, pattern(3));
    });

    test('Q10 reads its attributes from the queue itself', () => {
      using made = fresh();
      using other = engine.open(made.name);
      expect(made.queue.attributes().messages).toBe(0);
      other.trySend(pattern(1));
      other.trySend(pattern(1));
      expect(made.queue.attributes().messages).toBe(2);
      expect(made.queue.attributes()).toEqual(other.attributes());
    });

    test('Q11 closing fails what waits and every later call, and leaves the messages', async () => {
      using made = fresh();
      using other = engine.open(made.name);
      const waiting = expect(other.receive()).rejects.toMatchObject(closed);
      other.close();
      other.close();
      await waiting;
      using sender = engine.open(made.name);
      const held = fill(sender);
      const pending = expect(sender.send(pattern(1))).rejects.toMatchObject(closed);
      sender.close();
      await pending;
      const failure = expect.objectContaining(closed) as Error;
      await expect(sender.send(pattern(1))).rejects.toMatchObject(closed);
      await expect(sender.sendMany([pattern(1)])).rejects.toMatchObject(closed);
      await expect(sender.receive()).rejects.toMatchObject(closed);
      for (const call of [
        () => sender.trySend(pattern(1)),
        () => sender.sendSync(pattern(1)),
        () => sender.trySendMany([pattern(1)]),
        () => sender.tryReceive(),
        () => sender.receiveSync(),
        () => sender.drain(() => undefined),
        () => sender.attributes(),
        () => sender.unlink(),
      ]) {
        expect(call).toThrow(failure);
      }
      expect(drainAll(made.queue)).toHaveLength(held);
    });

    test('Q12 unlinking frees the name', () => {
      using made = fresh();
      made.queue.trySend(pattern(1));
      expect(() => engine.create(made.name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_EXISTS' }));
      expect(made.queue.unlink()).toBe(true);
      expect(made.queue.unlink()).toBe(false);
      expect(() => engine.open(made.name)).toThrow(expect.objectContaining(notFound));
      if (made.queue.traits.unlink === 'keeps-open') expectBytes(made.queue.tryReceive()?.bytes, pattern(1));
      else expect(() => made.queue.tryReceive()).toThrow(expect.objectContaining(notFound));
      using again = engine.create(made.name);
      expect(again.tryReceive()).toBeUndefined();
      again.unlink();
    });

    test('Q12 unlinking fails what waits where it ends the queue for all', async () => {
      using made = fresh();
      if (made.queue.traits.unlink === 'keeps-open') return;
      using other = engine.open(made.name);
      const waiting = expect(other.receive()).rejects.toMatchObject(notFound);
      made.queue.unlink();
      await waiting;
    });

    test('iterates for ever; leaving leaves it open', async () => {
      using made = fresh();
      await made.queue.sendMany([Uint8Array.of(1), Uint8Array.of(2)]);
      for await (const { bytes } of { [Symbol.asyncIterator]: () => made.queue[Symbol.asyncIterator]() }) {
        expect(bytes[0]).toBe(1);
        break;
      }
      expect((await made.queue.receive()).bytes[0]).toBe(2);
    });
  });

  describe(`${engine.id} keeps the queue contract across processes`, { timeout: 30_000 }, () => {
    const peerOn = async (name: string): Promise<Peer> => {
      const peer = await spawnPeer(peerFile);
      await peer.call('open', name);
      return peer;
    };

    test('Q2 Q6 two processes share the work of two others', async () => {
      using made = fresh();
      await using senders = await peers(2, made.name);
      await using receivers = await peers(2, made.name);
      const received = Promise.all(receivers.map((peer) => peer.call('receive', 500)));
      await Promise.all(senders.map((peer, i) => peer.call('send', i * 500, 500)));
      const seen = (await received).flat() as number[];
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
      expect(made.queue.tryReceive()).toBeUndefined();
    });

    test('Q6 blocking calls of another process are woken', async () => {
      using made = fresh();
      await using peer = await peerOn(made.name);
      const received = peer.call('receiveSync', 3);
      for (let n = 0; n < 3; n++) await made.queue.send(new Uint8Array(new Uint32Array([n]).buffer));
      expect(await received).toEqual([0, 1, 2]);
      const held = fill(made.queue);
      const sent = peer.call('sendSync', 7);
      for (let i = 0; i < held; i++) await made.queue.receive();
      await sent;
      expect((await made.queue.receive()).bytes[0]).toBe(7);
    });

    test('Q13 messages outlive the process that sent them', async () => {
      using made = fresh();
      await using peer = await peerOn(made.name);
      await peer.call('send', 0, 3);
      await peer.kill();
      expect(drainAll(made.queue)).toHaveLength(3);
    });

    test('Q14 processes killed while they send and receive leave the queue usable, its messages whole', async () => {
      using made = fresh();
      for (let round = 0; round < 3; round++) {
        await using both = await peers(2, made.name);
        const [flooder, taker] = both;
        await Promise.all([flooder?.call('flood'), taker?.call('swallow')]);
        for (let i = 0; i < 100; i++) expectBytes((await made.queue.receive()).bytes, pattern(200));
      }
      for (const { bytes } of drainAll(made.queue)) expectBytes(bytes, pattern(200));
      await made.queue.send(pattern(5));
      expectBytes((await made.queue.receive()).bytes, pattern(5));
    });

    test.each(['abortedReceive', 'abortedSend'])('Q15 lets its process end after an %s', async (call) => {
      using made = fresh();
      if (call === 'abortedSend') fill(made.queue, 200);
      await using peer = await peerOn(made.name);
      await peer.call(call);
      await peer.call('leave');
      expect(await peer.exited).toMatchObject({ code: 0 });
    });

    async function peers(count: number, name: string): Promise<Peer[] & AsyncDisposable> {
      const all = await Promise.all(Array.from({ length: count }, () => peerOn(name)));
      return Object.assign(all, {
        async [Symbol.asyncDispose]() {
          await Promise.all(all.map((peer) => peer.kill()));
        },
      });
    }
  });
}
