/** Runs on a disk that is soon full: `full-disk <folder>`. Prints what failed there, and how often until there was room. */
import { closeSync, fstatSync, openSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createFifo, fifo, openFifoReceiver, openPipe } from '@ipc/pipe';
import { isIpcError } from '@ipc/core';
import { fromFullToRoom } from '@ipc/testkit/small-disk';

const [folder = ''] = process.argv.slice(2);

const calls = {
  fifo: async () => (await fifo().listen('listened')).close(),
  openFifoReceiver: async () => (await openFifoReceiver('received')).close(),
  createFifo: () => {
    createFifo(join(folder, 'created'));
    unlinkSync(join(folder, 'created'));
    return Promise.resolve();
  },
};
for (const [name, call] of Object.entries(calls))
  console.log(`${name} failed ${await fromFullToRoom(folder, call)}`);

/** More than the disk holds, of which no byte may be lost: what is not in the file is still in the pipe. */
const message = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
const { reader, writer } = openPipe({ capacityBytes: 256 << 10 });
const sender = writer.sender({ format: 'bytes' });
await sender.send(message);
await sender.close();
const path = join(folder, 'spliced');
const file = openSync(path, 'w');
const code = await reader.spliceTo(file).then(
  () => 'none',
  (error: unknown) => (isIpcError(error) ? error.code : String(error)),
);
const written = fstatSync(file).size;
closeSync(file);
const parts = [readFileSync(path)];
for await (const part of reader.receiver({ format: 'bytes' })) parts.push(Buffer.from(part));
const isWhole = Buffer.concat(parts).equals(message);
console.log(
  `spliceTo failed with ${code}, ${written > 0 ? 'some' : 'nothing'} written, ${isWhole ? 'nothing' : 'some'} lost`,
);
