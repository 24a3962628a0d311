import { PosixQueue, SharedQueue, SysvQueue, type Queue } from '@ipc/mq';

/** Every kind of queue, as big as it is when nothing is asked for. */
export const queueEngines: Readonly<Record<string, (name: string) => Queue>> = {
  shared: (name) => SharedQueue.openOrCreate(name),
  posix: (name) => PosixQueue.openOrCreate(name),
  sysv: (name) => SysvQueue.openOrCreate(name),
};

/** @throws {RangeError} There is none of that name. */
export function openQueue(engine: string, name: string): Queue {
  const open = queueEngines[engine];
  if (open === undefined) throw new RangeError(`no engine "${engine}"`);
  return open(name);
}
