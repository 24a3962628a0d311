import { expect, test } from 'vitest';
import { ReceiveHalf, SendHalf, type ReceivePort, type SendEvents, type SendPort } from '@ipc/core';

/** Takes as many messages as there is room for, and keeps what it was told. */
class ScriptedSendPort implements SendPort {
  readonly maxMessageBytes = 100;
  pendingBytes = 0;
  room = 0;
  awaited = false;
  events!: SendEvents;

  attach(events: SendEvents): void {
    this.events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.room === 0) return false;
    this.room--;
    this.pendingBytes += message.length;
    return true;
  }

  publish(): void {
    // nobody looks
  }

  awaitRoom(on: boolean): void {
    this.awaited = on;
  }

  finish(): void {
    // nobody looks
  }

  release(): void {
    // nothing held
  }
}

test('bufferedBytes counts what waits and what the port still has', async () => {
  const port = new ScriptedSendPort();
  const sender = new SendHalf(port);
  const abort = new AbortController();
  expect(sender.bufferedBytes).toBe(0);
  port.room = 1;
  await sender.send(new Uint8Array(3));
  const one = sender.send(new Uint8Array(10));
  const many = sender.sendMany([new Uint8Array(20), new Uint8Array(30)], { signal: abort.signal });
  const last = sender.send(new Uint8Array(40));
  expect(sender.bufferedBytes).toBe(3 + 10 + 20 + 30 + 40);
  port.room = 2;
  port.events.room();
  await one;
  expect(sender.bufferedBytes).toBe(3 + 10 + 20 + 30 + 40);
  port.pendingBytes = 0;
  expect(sender.bufferedBytes).toBe(30 + 40);
  abort.abort();
  await expect(many).rejects.toThrow();
  expect(sender.bufferedBytes).toBe(40);
  const closed = sender.close({ signal: AbortSignal.abort(new Error('enough')) });
  await expect(last).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
  await expect(closed).rejects.toThrow('enough');
  expect(sender.bufferedBytes).toBe(0);
});

test('who waits for the low watermark goes on there, who flushes only when nothing is left', async () => {
  const port = new ScriptedSendPort();
  const sender = new SendHalf(port);
  port.room = 2;
  await sender.sendMany([new Uint8Array(60), new Uint8Array(40)]);
  const waiting = sender.send(new Uint8Array(50));
  const done: string[] = [];
  const low = sender.flush({ lowWaterBytes: 70 }).then(() => done.push('low'));
  const flushed = sender.flush().then(() => done.push('flushed'));
  await sender.flush({ lowWaterBytes: 150 }); // that is all there is
  expect(done).toEqual([]);
  port.pendingBytes = 40;
  port.room = 1;
  port.events.room(); // 90 bytes are left
  await waiting;
  expect(done).toEqual([]);
  port.pendingBytes = 70;
  port.events.room();
  await low;
  expect(done).toEqual(['low']);
  expect(port.awaited).toBe(true);
  port.pendingBytes = 0;
  port.events.room();
  await flushed;
  expect(port.awaited).toBe(false);
  await expect(sender.flush({ lowWaterBytes: -1 })).rejects.toThrow(RangeError);
  await expect(sender.flush({ lowWaterBytes: NaN })).rejects.toThrow(RangeError);
  await expect(sender.flush({ delivery: 'queued', lowWaterBytes: 1 })).rejects.toThrow(TypeError);
});

test('who waits last and gives up no longer has the port watch for room', async () => {
  const port = new ScriptedSendPort();
  const sender = new SendHalf(port);
  const [first, second] = [new AbortController(), new AbortController()];
  const sends = [first, second].map(({ signal }) => sender.send(new Uint8Array(1), { signal }));
  expect(port.awaited).toBe(true);
  first.abort(new Error('first'));
  expect(port.awaited).toBe(true);
  second.abort(new Error('second'));
  expect(port.awaited).toBe(false);
  await expect(sends[0]).rejects.toThrow('first');
  await expect(sends[1]).rejects.toThrow('second');
  port.pendingBytes = 1;
  const flush = sender.flush({ signal: AbortSignal.timeout(1) });
  expect(port.awaited).toBe(true);
  await expect(flush).rejects.toThrow();
  expect(port.awaited).toBe(false);
});

test('who waits last for a message and gives up no longer has the port watch for one', async () => {
  let awaited = false;
  const port: ReceivePort = {
    end: undefined,
    attach: () => undefined,
    pull: () => undefined,
    drain: () => 0,
    awaitMessage: (on) => (awaited = on),
    release: () => undefined,
  };
  const abort = new AbortController();
  const received = new ReceiveHalf(port).receive({ signal: abort.signal });
  expect(awaited).toBe(true);
  abort.abort(new Error('enough'));
  expect(awaited).toBe(false);
  await expect(received).rejects.toThrow('enough');
});
