/** Receives descriptors under a low limit with hardly any left; tells how that ends, and what is open before and after. */
import { readdirSync } from 'node:fs';
import { isIpcError } from '@ipc/core';
import { seqpacket, takeDescriptors, unix } from '@ipc/socket';
import * as native from '@ipc/native';

const [name = '', mechanism = 'unix'] = process.argv.slice(2);
const transport = (mechanism === 'unix' ? unix : seqpacket)({ maxDescriptors: 8 });
const channel = await transport.connect(name);
const later = await transport.connect(name);
const open = (): number => readdirSync('/proc/self/fd').length;

/** All there are, but `spare`. */
function use(spare: number): number[] {
  const used: number[] = [];
  try {
    for (;;) used.push(native.eventfd(0));
  } catch {
    // that was the last
  }
  for (const fd of used.splice(0, spare)) native.close(fd);
  return used;
}

const used = use(3); // one of them to look with
const before = open();
await channel.send(Uint8Array.of(1)); // ready
const error: unknown = await channel.receive().catch((failure: unknown) => failure);
await channel.close();
const after = open() + 1; // the channel's
used.forEach(native.close);
await later.send(Uint8Array.of(2));
const message = await later.receive();
const taken = takeDescriptors(message ?? new Uint8Array());
taken.forEach(native.close);
await later.close();
console.log(
  JSON.stringify({
    code: isIpcError(error) ? error.code : String(error),
    before,
    after,
    taken: taken.length,
  }),
);
