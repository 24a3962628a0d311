/** What queues and channels have in common. */
interface Sender {
  trySend(message: Uint8Array): boolean;
  send(message: Uint8Array): Promise<void>;
}

/**
 * For a worker: once its memory is limited, offers numbered messages, waits when it has to, and tells how often that was and
 * how much its memory grew. @param delivered - Waits until all of it has arrived.
 */
export async function offer(
  sender: Sender,
  rounds: number,
  delivered: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  process.send?.('ready');
  await new Promise((resolve) => process.once('message', resolve)); // its memory is limited now
  const message = new Uint32Array(16);
  const bytes = new Uint8Array(message.buffer);
  let waits = 0;
  let [before, most] = [Infinity, 0];
  for (let offered = 0; offered < rounds; offered++) {
    if (offered === Math.floor(rounds / 10)) before = process.memoryUsage.rss();
    if (offered % 65_536 === 0) most = Math.max(most, process.memoryUsage.rss());
    message[0] = offered;
    if (sender.trySend(bytes)) continue;
    waits++;
    await sender.send(bytes);
  }
  await delivered();
  process.send?.({ waits, grownMiB: Math.max(0, most - before) / 2 ** 20 });
}
