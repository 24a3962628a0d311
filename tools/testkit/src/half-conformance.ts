/**
 * One test per clause for a sender and its receiver (see `channel.ts` in `@ipc/core`).
 *
 * The clauses that need names (C10), processes (C7, C12) or two directions are in `channelConformance`.
 */
import type { Receiver, Sender } from '@ipc/core';
import { describe, expect, test } from 'vitest';
import { expectBytes, pattern } from './bytes.ts';
import { fill } from './fill.ts';

/** Two connected halves in this process. */
export interface HalfPair {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

export interface HalfFacts {
  readonly maxMessageBytes: number;
  /** Whether the receiver learns that the sender has closed; a queue with many senders has no end. @default true */
  readonly endsWithSender?: boolean;
  /** Whether each half is over when the other is; a channel's `closed` waits for both directions. @default true */
  readonly closedTells?: boolean;
}

/** Registers the suite. `create` makes a fresh pair each time; the suite closes both. */
export function halfConformance(id: string, create: () => Promise<HalfPair>, facts: HalfFacts): void {
  const { maxMessageBytes, endsWithSender = true, closedTells = true } = facts;
  const sizes = [0, 1, 3, 4, 5, 64, 4_095, 8_191, 65_531, 65_532, 65_536, 1 << 20].filter(
    (size) => size <= maxMessageBytes,
  );
  const fillerBytes = Math.min(maxMessageBytes, 64 << 10);
  const most = Math.floor((64 << 20) / fillerBytes);
  const ends = async (): Promise<HalfPair & AsyncDisposable> => {
    const { sender, receiver } = await create();
    return {
      sender,
      receiver,
      async [Symbol.asyncDispose]() {
        await Promise.all([receiver.close(), sender.close()]);
      },
    };
  };

  const testEnd = (title: string, run: () => Promise<void>): void => {
    test(title, async (context) => {
      context.skip(!endsWithSender, 'its senders come and go unseen: the receiver has no end');
      await run();
    });
  };

  describe(`${id} keeps the contract of halves`, () => {
    test.each(sizes)('C1 carries a message of %i bytes whole', async (length) => {
      await using pair = await ends();
      const sent = pair.sender.send(pattern(length));
      expectBytes(await pair.receiver.receive(), pattern(length));
      await sent;
    });

    test('C2 keeps order across concurrent sends and batches', async () => {
      await using pair = await ends();
      const one = (i: number): Uint8Array => pattern(1 + (i % 97), i);
      const sends: Promise<void>[] = [];
      for (let i = 0; i < 600; i += 3)
        sends.push(pair.sender.send(one(i)), pair.sender.sendMany([one(i + 1), one(i + 2)]));
      for (let i = 0; i < 600; i++) expectBytes(await pair.receiver.receive(), one(i));
      await Promise.all(sends);
    });

    test('C2 gives messages to concurrent receives in the order they asked', async () => {
      await using pair = await ends();
      const received = Promise.all(Array.from({ length: 40 }, () => pair.receiver.receive()));
      for (let i = 0; i < 40; i++) await pair.sender.send(pattern(8, i));
      (await received).forEach((message, i) => {
        expectBytes(message, pattern(8, i));
      });
    });

    test('C2 keeps order over more messages than one turn of the event loop serves', async () => {
      await using pair = await ends();
      const sends = (async () => {
        for (let i = 0; i < 5_000; i++) await pair.sender.send(Uint8Array.of(i, i >>> 8));
      })();
      for (let i = 0; i < 5_000; i++) expectBytes(await pair.receiver.receive(), Uint8Array.of(i, i >>> 8));
      await sends;
    });

    test('C3 lets the caller reuse the buffer, also while the message is still queued', async () => {
      await using pair = await ends();
      const length = Math.min(maxMessageBytes, 1 << 20);
      const buffer = pattern(length);
      expect(pair.sender.trySend(buffer)).toBe(true);
      buffer.fill(0);
      expectBytes(await pair.receiver.receive(), pattern(length));
    });

    test('C3 gives each message to the receiver for ever', async () => {
      await using pair = await ends();
      await pair.sender.sendMany([pattern(64, 1), pattern(64, 2), pattern(64, 3)]);
      const messages = [
        await pair.receiver.receive(),
        await pair.receiver.receive(),
        await pair.receiver.receive(),
      ];
      await pair.sender.send(pattern(64, 4));
      expectBytes(await pair.receiver.receive(), pattern(64, 4));
      messages.forEach((message, i) => {
        expectBytes(message, pattern(64, i + 1));
      });
    });

    test('C4 stops accepting while nobody reads, and resumes when somebody does', async () => {
      await using pair = await ends();
      const sent = await fill(pair.sender, pattern(fillerBytes), most);
      expect(sent).toBeLessThan(most);
      for (let i = 0; i < sent; i++) expectBytes(await pair.receiver.receive(), pattern(fillerBytes));
      await pair.sender.send(pattern(1));
      expectBytes(await pair.receiver.receive(), pattern(1));
    });

    testEnd('C5 drains, then ends, after the sender closes', async () => {
      await using pair = await ends();
      await pair.sender.send(pattern(10));
      await pair.sender.close();
      expectBytes(await pair.receiver.receive(), pattern(10));
      expect(await pair.receiver.receive()).toBeUndefined();
      expect(await pair.receiver.receive()).toBeUndefined();
      if (closedTells) expect(await pair.receiver.closed).toBeUndefined();
    });

    testEnd('C5 ends receives that wait when the sender closes', async () => {
      await using pair = await ends();
      const waiting = [pair.receiver.receive(), pair.receiver.receive()];
      await pair.sender.close();
      expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    });

    testEnd('C5 rejects sends with ERR_IPC_PEER_GONE after the receiver has closed', async () => {
      await using pair = await ends();
      await pair.sender.send(pattern(1));
      await pair.receiver.close();
      await expect(untilRejected(() => pair.sender.send(pattern(fillerBytes)))).rejects.toMatchObject({
        code: 'ERR_IPC_PEER_GONE',
      });
      if (closedTells) expect(await pair.sender.closed).toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
    });

    test('C6 flushes what was sent before closing', async () => {
      await using pair = await ends();
      const sent = await fill(pair.sender, pattern(fillerBytes), most);
      const closed = pair.sender.close();
      for (let i = 0; i < sent; i++) expectBytes(await pair.receiver.receive(), pattern(fillerBytes));
      await closed;
    });

    test('C14 waits until what was sent has been taken, or says at once that nobody can tell', async () => {
      await using pair = await ends();
      const { sender, receiver } = pair;
      await sender.send(pattern(5));
      let told: unknown;
      const flushed = sender.flush({ delivery: 'received' }).then(
        () => (told = 'taken'),
        (error: unknown) => (told = (error as NodeJS.ErrnoException).code),
      );
      // Nobody has asked for it: who says now that it was taken has not waited for that.
      for (let turn = 0; turn < 10; turn++) await nextTurn();
      expect([undefined, 'ERR_IPC_UNSUPPORTED']).toContain(told);
      expectBytes(await receiver.receive(), pattern(5));
      expect(['taken', 'ERR_IPC_UNSUPPORTED']).toContain(await flushed);
      await sender.send(pattern(6)); // either way it goes on
      expectBytes(await receiver.receive(), pattern(6));
    });

    test('C6 fails every call after a local close, and closes twice', async () => {
      await using pair = await ends();
      const { sender, receiver } = pair;
      const waiting = expect(receiver.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
      await receiver.close();
      await receiver.close();
      await waiting;
      await sender.close();
      await sender.close();
      const closed = { code: 'ERR_IPC_CLOSED' };
      const gone = (call: () => unknown): void => {
        expect(call).toThrow(expect.objectContaining(closed));
      };
      await expect(sender.send(pattern(1))).rejects.toMatchObject(closed);
      await expect(sender.sendMany([pattern(1)])).rejects.toMatchObject(closed);
      await expect(sender.flush()).rejects.toMatchObject(closed);
      await expect(receiver.receive()).rejects.toMatchObject(closed);
      gone(() => sender.trySend(pattern(1)));
      gone(() => sender.trySendMany([pattern(1)]));
      gone(() => receiver.tryReceive());
      gone(() => receiver.drain(() => undefined));
      expect(await receiver.closed).toBeUndefined();
    });

    test('C6 gives up flushing when the close is aborted', async () => {
      await using pair = await ends();
      await fill(pair.sender, pattern(fillerBytes), most);
      const waiting = pair.sender.send(pattern(fillerBytes, 2));
      const failed = expect(waiting).rejects.toBeDefined();
      await expect(pair.sender.close({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
        'enough',
      );
      await failed;
    });

    test('C8 aborts a waiting receive and stays usable', async () => {
      await using pair = await ends();
      const abort = new AbortController();
      const waiting = pair.receiver.receive({ signal: abort.signal });
      const next = pair.receiver.receive();
      abort.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      await pair.sender.send(pattern(7));
      expectBytes(await next, pattern(7));
      await expect(pair.receiver.receive({ signal: abort.signal })).rejects.toThrow('enough');
    });

    test('C8 aborts a waiting send: none of it arrives, and the next message does', async () => {
      await using pair = await ends();
      const filler = pattern(fillerBytes);
      const queued = await fill(pair.sender, filler, most);
      const small = await fill(pair.sender, pattern(9, 1)); // where the large one does not fit, small ones may
      const abort = new AbortController();
      const waiting = pair.sender.send(pattern(9, 9), { signal: abort.signal });
      await nextTurn(); // let it really wait
      abort.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      const last = pair.sender.send(pattern(5, 5));
      for (let i = 0; i < queued; i++) expectBytes(await pair.receiver.receive(), filler);
      for (let i = 0; i < small; i++) expectBytes(await pair.receiver.receive(), pattern(9, 1));
      expectBytes(await pair.receiver.receive(), pattern(5, 5));
      await last;
    });

    test('C9 refuses an oversized message, or something else than bytes, and stays usable', async () => {
      await using pair = await ends();
      const { sender, receiver } = pair;
      const tooLarge = new Uint8Array(maxMessageBytes + 1);
      await expect(sender.send(tooLarge)).rejects.toMatchObject({ code: 'ERR_IPC_TOO_LARGE' });
      expect(() => sender.trySend(tooLarge)).toThrow(expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }));
      await expect(sender.send('text' as unknown as Uint8Array)).rejects.toThrow(TypeError);
      await expect(sender.sendMany([pattern(1), tooLarge])).rejects.toMatchObject({
        code: 'ERR_IPC_TOO_LARGE',
      });
      await sender.send(pattern(2));
      expectBytes(await receiver.receive(), pattern(2));
    });

    test('C11 stays open when iteration is left early', async () => {
      await using pair = await ends();
      await Promise.all([pair.sender.send(pattern(1)), pair.sender.send(pattern(2))]);
      for await (const message of pair.receiver) {
        expectBytes(message, pattern(1));
        break;
      }
      expectBytes(await pair.receiver.receive(), pattern(2));
    });

    test('C13 sends a batch in order, larger than all buffers', async () => {
      await using pair = await ends();
      const count = Math.min(4 * most, Math.ceil((32 << 20) / fillerBytes));
      const batch = Array.from({ length: count }, (_, i) => pattern(fillerBytes, i));
      const sent = pair.sender.sendMany(batch);
      for (const message of batch) expectBytes(await pair.receiver.receive(), message);
      await sent;
    });

    test('C13 says how many of a batch found room, and continues from there', async () => {
      await using pair = await ends();
      const batch = Array.from({ length: 50 }, (_, i) => pattern(fillerBytes, i));
      let next = pair.sender.trySendMany(batch);
      expect(next).toBeGreaterThan(0);
      for (let i = 0; i < batch.length; i++) {
        expectBytes(await pair.receiver.receive(), pattern(fillerBytes, i));
        if (next < batch.length) next += pair.sender.trySendMany(batch, next);
        if (next === i + 1 && next < batch.length) {
          await pair.sender.send(pattern(fillerBytes, next));
          next++;
        }
      }
      expect(pair.sender.trySendMany([])).toBe(0);
    });

    test('C13 drains at most the limit, in order; a handler that throws has consumed its message', async () => {
      await using pair = await ends();
      const { sender, receiver } = pair;
      for (let i = 0; i < 10; i++) await sender.send(pattern(16, i));
      await sender.flush();
      let seen = 0;
      const check = (message: Uint8Array): void => {
        expectBytes(message, pattern(16, seen++));
      };
      while (seen < 3) {
        const drained = receiver.drain(check, 3 - seen);
        if (drained === 0) await nextTurn(); // what has left the sender may still be on its way
      }
      expect(seen).toBe(3);
      expect(() =>
        receiver.drain(() => {
          seen++;
          throw new Error('handler');
        }),
      ).toThrow('handler');
      while (seen < 10) if (receiver.drain(check) === 0) await nextTurn();
      expect(receiver.drain(check)).toBe(0);
      expect(receiver.tryReceive()).toBeUndefined();
    });
  });
}

/** Calls until it rejects; data on its way may still be accepted at first. */
async function untilRejected(call: () => Promise<void>): Promise<never> {
  for (;;) {
    await call();
    await nextTurn();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
