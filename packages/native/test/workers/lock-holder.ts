/** Holds a lock on a file (or claims a path) until it is killed. */
import { constants } from 'node:fs';
import { claimPath, flock, ofdLock, open } from '@ipc/native';

const [kind, path = ''] = process.argv.slice(2);
const held =
  kind === 'claim'
    ? claimPath(path) !== undefined
    : kind === 'ofd'
      ? ofdLock(open(path, constants.O_RDWR), 'exclusive', 0, 0)
      : flock(open(path, constants.O_RDWR), 'exclusive');
console.log(held ? 'held' : 'refused');
setInterval(() => undefined, 1 << 30);
