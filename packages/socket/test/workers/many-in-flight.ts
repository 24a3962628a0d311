/** Sends descriptors until the kernel says that this user has too many under way, and again when they were received. */
import { adoptChannel, withDescriptors } from '@ipc/socket';
import { isIpcError } from '@ipc/core';
import * as native from '@ipc/native';

const type = process.argv[2] === 'seqpacket' ? 'seqpacket' : 'stream';
const [near, far] = native.socketPair(type);
const channel = adoptChannel(near, { type });
let sent = 0;
let kept = -1;
const send = async (): Promise<void> => {
  kept = native.eventfd(0);
  await channel.send(withDescriptors(Uint8Array.of(1), [kept]));
  sent++;
};
const error: unknown = await (async () => {
  for (;;) await send();
})().catch((failure: unknown) => failure);
native.close(kept); // it is still open
const sentAtFirst = sent;
const target = new Uint8Array(64);
for (let received = 0; received < sentAtFirst;) {
  const { fds } = native.receiveMessage(far, target, 0, target.length, 8);
  received += fds.length;
  fds.forEach(native.close);
}
await send();
const { code, message } = isIpcError(error) ? error : { code: '', message: String(error) };
console.log(JSON.stringify({ code, message, sentAtFirst, sent }));
native.close(far);
await channel.close();
