import { IpcError, type IpcErrorContext } from '@ipc/core';

/** A system limit that stands in the way. */
export interface Limit {
  /** As the manual calls it: `fs.mqueue.msg_max`, `RLIMIT_MSGQUEUE`. */
  readonly limit: string;
  readonly value: number;
  /** What the operation would have needed. */
  readonly needed: number;
  /** The command that raises the limit that far. */
  readonly command: string;
}

/** ERR_IPC_LIMIT that names the limit, its present value, the value needed, and what raises it. */
export function limitError(what: string, limit: Limit, context: IpcErrorContext): IpcError {
  return new IpcError('ERR_IPC_LIMIT', `${what}: ${explainLimit(limit)}`, context);
}

export function explainLimit({ limit, value, needed, command }: Limit): string {
  return `${limit} is ${value} and ${needed} is needed; raise it with \`${command}\``;
}

/** The limit of a name in /proc/sys, e.g. `fs.mqueue.msg_max`. */
export function sysctlLimit(limit: string, value: number, needed: number): Limit {
  return { limit, value, needed, command: `sysctl -w ${limit}=${needed}` };
}
