import { ring } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const patienceMs = 1000;
const inFlight = 4;

/** M4: messages through a ring with room for two, both sides asleep most of the time: no wake-up is ever lost. */
export const wakeUp: Campaign = {
  name: 'wake-up',
  what: 'messages there and back through rings with room for two, both sides sleeping',
  rounds: 1_000_000,
  async run({ rounds, random }) {
    const name = campaignName('wake');
    const violations: string[] = [];
    let longestMs = 0;
    await using listener = await ring({ capacityBytes: 64, spinUs: 0 }).listen(name);
    const accepted = listener.accept();
    const worker = await startWorker('echo', name);
    await using channel = await accepted;
    const send = async (): Promise<void> => {
      const message = new Uint8Array(8);
      for (let index = 0; index < rounds; index++) {
        new DataView(message.buffer).setUint32(0, index, true);
        await channel.send(message);
        if (random() < 1 / (4 * inFlight)) await new Promise(setImmediate);
      }
    };
    let received = 0;
    let lastMs = performance.now();
    const watchdog = setInterval(() => {
      if (performance.now() - lastMs < 10 * patienceMs) return;
      violations.push(`stuck after ${received} messages`);
      worker.kill('SIGKILL');
    }, patienceMs);
    const sending = send().catch(() => undefined);
    try {
      while (received < rounds) {
        const message = await channel.receive();
        if (message === undefined) break;
        const nowMs = performance.now();
        longestMs = Math.max(longestMs, nowMs - lastMs);
        lastMs = nowMs;
        const number = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
        if (number !== received) violations.push(`message ${received} expected, ${number} came`);
        received++;
      }
    } catch (error) {
      violations.push(String(error));
    }
    clearInterval(watchdog);
    await sending;
    await endWorker(worker);
    if (longestMs > patienceMs) violations.push(`a stall of ${longestMs.toFixed(0)} ms`);
    return {
      figure: `${received} messages there and back, longest stall ${longestMs.toFixed(1)} ms`,
      violations,
    };
  },
};
