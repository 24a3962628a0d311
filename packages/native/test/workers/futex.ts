/** Sleeps on word 1 of a named object, and says how that ended. */
import { constants, writeSync } from 'node:fs';
import { futexWait, map, shmOpen } from '@ipc/native';

process.on('SIGUSR2', () => undefined);
const [name = '', timeoutMs = ''] = process.argv.slice(2);
const words = new Int32Array(map(shmOpen(name, constants.O_RDWR, 0), 4096));
writeSync(1, 'waiting\n');
writeSync(1, `${futexWait(words, 1, 0, Number(timeoutMs))}\n`);
