import { LatestReader, LatestWriter } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

let writer: LatestWriter | undefined;
let reader: LatestReader | undefined;

serveCommands({
  open(name: string, maxBytes: number) {
    writer = LatestWriter.open(name, { maxBytes, lifetime: 'while-open' });
  },
  publish(text: string) {
    writer?.publish(new TextEncoder().encode(text));
  },
  /** Publishes values whose bytes are all the same, as fast as it can, until it is killed. */
  flood(length: number) {
    const value = new Uint8Array(length);
    for (let n = 0; ; n++) writer?.publish(value.fill(n));
  },
  read(name: string) {
    reader = LatestReader.open(name, { spinUs: 0 });
  },
  async next() {
    return new TextDecoder().decode(await reader?.next());
  },
  waitSync(name: string) {
    using reader = LatestReader.open(name);
    reader.read();
    return reader.waitSync({ timeoutMs: 20_000 }) && new TextDecoder().decode(reader.read());
  },
});
