/** Blocks in poll for 300 ms while it is sent signals. */
import { writeSync } from 'node:fs';
import { poll } from '@ipc/native';

process.on('SIGUSR2', () => undefined);
writeSync(1, 'ready\n');
const start = performance.now();
const ready = poll(new Int32Array(0), new Int16Array(0), new Int16Array(0), 300);
writeSync(1, `${ready} ready, ${performance.now() - start >= 299 ? 'in time' : 'too early'}\n`);
