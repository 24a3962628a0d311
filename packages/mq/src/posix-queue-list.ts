import { readdirSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { fromErrno, IpcError } from '@ipc/core';

/** A queue of this system. */
export interface PosixQueueInfo {
  /** The kernel's name, slash included: what `PosixQueue.open` and `unlink` take. */
  readonly name: string;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of payload in it; undefined when it may not be read. */
  readonly bytes: number | undefined;
  /** Processes that have it open, as far as this user may look. A queue nobody has open was kept on purpose or left behind. */
  readonly openIn: readonly number[];
}

/**
 * The POSIX queues of this system (of this IPC namespace), and who has them open.
 *
 * @throws {IpcError} ERR_IPC_UNSUPPORTED when the mqueue file system is not mounted: the kernel tells names in no other way.
 * Cost: one look at every fd of every process this user may see.
 * Source: mq_overview(7), "Mounting the message queue filesystem".
 */
export function listPosixQueues(): PosixQueueInfo[] {
  const { holdersBefore, queues } = lookAtPosixQueues();
  return queues.map(({ inode, ...queue }) => ({ ...queue, openIn: holdersBefore.get(inode) ?? [] }));
}

interface PosixQueuesSeen {
  readonly device: number;
  /** The pids that had each inode open, names or not, before a look at the queues. */
  readonly holdersBefore: ReadonlyMap<number, readonly number[]>;
  readonly queues: readonly (Omit<PosixQueueInfo, 'openIn'> & { readonly inode: number })[];
}

/** First the holders, then the queues. Throws as {@link listPosixQueues}. */
export function lookAtPosixQueues(): PosixQueuesSeen {
  const folder = mqueueMount();
  const device = statSync(folder).dev;
  const holdersBefore = posixQueueHolders(device);
  const queues: PosixQueuesSeen['queues'][number][] = [];
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    const stats = statIfThere(path);
    if (stats === undefined) continue;
    queues.push({
      name: `/${file}`,
      uid: stats.uid,
      mode: stats.mode & 0o777,
      bytes: queuedBytes(path),
      inode: stats.ino,
    });
  }
  return { device, holdersBefore, queues };
}

function mqueueMount(): string {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, path, type] = line.split(' ');
    if (type === 'mqueue' && path !== undefined)
      return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  }
  const message =
    'list queues: the mqueue file system is not mounted; mount it with `mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue`';
  throw new IpcError('ERR_IPC_UNSUPPORTED', message);
}

/** The pids that have each queue open, by inode, also of queues without a name. What goes away, or may not be seen, is left out. */
export function posixQueueHolders(device: number): Map<number, number[]> {
  const holders = new Map<number, number[]>();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const inode of new Set(queueInodes(`/proc/${pid}/fd`, device))) {
      const pids = holders.get(inode);
      if (pids === undefined) holders.set(inode, [Number(pid)]);
      else pids.push(Number(pid));
    }
  }
  return holders;
}

function* queueInodes(folder: string, device: number): Generator<number> {
  let fds: string[];
  try {
    fds = readdirSync(folder);
  } catch {
    return;
  }
  for (const fd of fds) {
    const path = join(folder, fd);
    try {
      if (!/^\/[^/]*$/.test(readlinkSync(path))) continue; // a queue's link is its name; most others need no stat
      const stats = statSync(path);
      if (stats.dev === device) yield stats.ino;
    } catch {
      // closed meanwhile
    }
  }
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const failure = fromErrno(error, 'list queues', path);
    if (failure.code === 'ERR_IPC_NOT_FOUND') return undefined;
    throw failure;
  }
}

function queuedBytes(path: string): number | undefined {
  try {
    const size = /^QSIZE:(\d+)/.exec(readFileSync(path, 'utf8'))?.[1];
    return size === undefined ? undefined : Number(size);
  } catch {
    return undefined;
  }
}
