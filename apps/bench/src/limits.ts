import type { SystemFiles } from './system-files.ts';

/** Limits that decide what fits; `null` where the system does not tell, `Infinity` (`null` in JSON) where there is none. */
export interface Limits {
  readonly openFiles: number | null;
  readonly lockedBytes: number | null;
  readonly queueBytes: number | null;
  readonly queues: number | null;
  readonly queueMessages: number | null;
  readonly queueMessageBytes: number | null;
  readonly sysvQueueBytes: number | null;
  readonly sysvMessageBytes: number | null;
  readonly pipeBytes: number | null;
  /** Of all pipes of a user who is not root, beyond which new ones are small. */
  readonly pipeUserPages: number | null;
  readonly socketSendBytes: number | null;
  readonly socketReceiveBytes: number | null;
  readonly socketBacklog: number | null;
  readonly sharedMemoryBytes: number | null;
}

/** Sources: proc_pid_limits(5), mq_overview(7), sysvipc(7), pipe(7), socket(7), shm_overview(7). */
export function observeLimits(files: SystemFiles): Limits {
  const own = files.text('proc/self/limits') ?? '';
  const softLimit = (name: string): number | null => {
    const value = new RegExp(`^${name}\\s+(\\d+|unlimited)`, 'm').exec(own)?.[1];
    if (value === undefined) return null;
    return value === 'unlimited' ? Infinity : Number(value);
  };
  return {
    openFiles: softLimit('Max open files'),
    lockedBytes: softLimit('Max locked memory'),
    queueBytes: softLimit('Max msgqueue size'),
    queues: files.number('proc/sys/fs/mqueue/queues_max'),
    queueMessages: files.number('proc/sys/fs/mqueue/msg_max'),
    queueMessageBytes: files.number('proc/sys/fs/mqueue/msgsize_max'),
    sysvQueueBytes: files.number('proc/sys/kernel/msgmnb'),
    sysvMessageBytes: files.number('proc/sys/kernel/msgmax'),
    pipeBytes: files.number('proc/sys/fs/pipe-max-size'),
    pipeUserPages: files.number('proc/sys/fs/pipe-user-pages-soft'),
    socketSendBytes: files.number('proc/sys/net/core/wmem_max'),
    socketReceiveBytes: files.number('proc/sys/net/core/rmem_max'),
    socketBacklog: files.number('proc/sys/net/core/somaxconn'),
    sharedMemoryBytes: files.capacityBytes('dev/shm'),
  };
}
