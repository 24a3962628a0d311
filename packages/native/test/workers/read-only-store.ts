/** Stores through a read-only mapping. Exits with 42 should it survive. */
import { allocate, map, memfdCreate } from '@ipc/native';

const fd = memfdCreate('read-only');
allocate(fd, 4096);
const view = new Uint8Array(map(fd, 4096, { readOnly: true }));
if (view[0] !== 0) process.exit(41);
view[0] = 1;
process.exit(42);
