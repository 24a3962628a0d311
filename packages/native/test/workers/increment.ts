/** Adds 1 to the first word of a named object, 1,000 times. */
import { constants } from 'node:fs';
import { close, map, shmOpen } from '@ipc/native';

const fd = shmOpen(process.argv[2] ?? '', constants.O_RDWR, 0);
const words = new Int32Array(map(fd, 4096));
close(fd);
for (let i = 0; i < 1000; i++) Atomics.add(words, 0, 1);
