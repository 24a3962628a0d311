/**
 * One error class, told apart by `code`.
 *
 * Codes are API: they change only in a major version. Messages are for people and
 * may change in any release. Wrong arguments are plain `TypeError`/`RangeError`
 * without a code: they are bugs in the caller, not conditions to handle.
 * An aborted call rejects with `signal.reason`, never with an `IpcError`.
 */

/** Every code with its meaning and what to do. `docs/errors.md` is checked against this table. */
export const ipcErrorCodes = {
  ERR_IPC_CLOSED: 'this end was closed locally; stop using it',
  ERR_IPC_PEER_GONE: 'the other process died, vanished without closing, or has closed its receiving side',
  ERR_IPC_EXISTS: 'the name is in use by a live process; choose another or end that process',
  ERR_IPC_NOT_FOUND: 'nothing with this name; start the process that listens on it or creates it',
  ERR_IPC_PERMISSION: 'the operating system refused access; check mode, owner and user',
  ERR_IPC_TOO_LARGE: 'the message exceeds maxMessageBytes; split it or raise the limit at both ends',
  ERR_IPC_LIMIT: 'a system limit was reached; the message names it, its value and the command that raises it',
  ERR_IPC_CORRUPT: 'shared state, a frame or an encoded value failed validation',
  ERR_IPC_MISMATCH: 'the object exists with other attributes, another layout or another version',
  ERR_IPC_UNSUPPORTED: 'not available on this platform; the message names what is missing',
  ERR_IPC_SYSTEM: 'an operating-system error without a code of its own; see errno and cause',
} as const;

export type IpcErrorCode = keyof typeof ipcErrorCodes;

/** Where the failure happened. `syscall` and `errno` are set when the kernel said no. */
export interface IpcErrorContext {
  readonly name?: string | undefined;
  readonly syscall?: string | undefined;
  /** Negative, as in Node. */
  readonly errno?: number | undefined;
  readonly cause?: unknown;
}

const brand = Symbol.for('@ipc/core.IpcError');

/** The only error class of this toolkit. Match on {@link IpcError.code}, never on the text. */
export class IpcError extends Error {
  static {
    Object.defineProperties(this.prototype, { name: { value: 'IpcError' }, [brand]: { value: true } });
  }
  readonly code: IpcErrorCode;
  readonly context: IpcErrorContext;

  constructor(code: IpcErrorCode, message: string, { cause, ...context }: IpcErrorContext = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.context = context;
  }
}

/** True across realms and duplicate installs, unlike `instanceof`. */
export function isIpcError(value: unknown, code?: IpcErrorCode): value is IpcError {
  return (
    value instanceof Error &&
    brand in value &&
    (code === undefined || (value as { code?: unknown }).code === code)
  );
}

const byErrno: Readonly<Record<string, IpcErrorCode>> = {
  EADDRINUSE: 'ERR_IPC_EXISTS',
  EEXIST: 'ERR_IPC_EXISTS',
  ENOENT: 'ERR_IPC_NOT_FOUND',
  ENXIO: 'ERR_IPC_NOT_FOUND',
  ECONNREFUSED: 'ERR_IPC_NOT_FOUND',
  EACCES: 'ERR_IPC_PERMISSION',
  EPERM: 'ERR_IPC_PERMISSION',
  EROFS: 'ERR_IPC_PERMISSION',
  EPIPE: 'ERR_IPC_PEER_GONE',
  ECONNRESET: 'ERR_IPC_PEER_GONE',
  EMSGSIZE: 'ERR_IPC_TOO_LARGE',
  EMFILE: 'ERR_IPC_LIMIT',
  ENFILE: 'ERR_IPC_LIMIT',
  ETOOMANYREFS: 'ERR_IPC_LIMIT',
  ENOSPC: 'ERR_IPC_LIMIT',
  ENOMEM: 'ERR_IPC_LIMIT',
  EDQUOT: 'ERR_IPC_LIMIT',
  ENAMETOOLONG: 'ERR_IPC_LIMIT',
  ENOSYS: 'ERR_IPC_UNSUPPORTED',
};

/** What raises a limit, for those that have one command. */
const remedies: Readonly<Record<string, string>> = {
  EMFILE: "this process's open-file limit (RLIMIT_NOFILE) is used up; raise it with `ulimit -n <count>`",
  ENFILE: "the system's open-file limit is used up; raise it with `sysctl fs.file-max=<count>`",
  ETOOMANYREFS:
    'as many descriptors of this user are under way between processes as one process may have open (RLIMIT_NOFILE); raise it with `ulimit -n <count>`, or receive some',
  ENOSPC: 'no space left; see `df -h`, and free some or enlarge the file system',
  ENOMEM: 'out of memory, locked memory or address space; see `ulimit -a`',
};

/**
 * Turns a Node or native errno error into an `IpcError`; passes an `IpcError` through.
 *
 * @param error - Anything caught. Errors that are neither errno-shaped nor `IpcError` become ERR_IPC_SYSTEM.
 * @param what - The operation, for the message: `listen`, `open queue`.
 * @param name - The object's name, for the message and the context.
 */
export function fromErrno(error: unknown, what: string, name?: string): IpcError {
  if (isIpcError(error)) return error;
  const {
    code = '',
    errno,
    syscall,
    message = String(error),
  } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const label = name === undefined ? what : `${what} "${name}"`;
  const context = { name, errno, syscall, cause: error };
  if (code in ipcErrorCodes) return new IpcError(code as IpcErrorCode, `${label}: ${message}`, context);
  const remedy = remedies[code];
  return new IpcError(
    byErrno[code] ?? 'ERR_IPC_SYSTEM',
    `${label}: ${remedy === undefined ? message : `${code}: ${remedy}`}`,
    context,
  );
}

/** The error of every call on an end that was closed here. */
export function closedError(what = 'channel'): IpcError {
  return new IpcError('ERR_IPC_CLOSED', `the ${what} is closed`);
}

/** The error of sending to, or of having drained, a peer that is no more. */
export function peerGoneError(detail = 'the peer is gone', cause?: unknown): IpcError {
  return new IpcError('ERR_IPC_PEER_GONE', detail, { cause });
}

/** What a read or a write failed with: as {@link fromErrno}, but that the other end is gone is said in words. */
export function transferError(error: unknown, what: 'send' | 'receive'): IpcError {
  const failure = fromErrno(error, what);
  return failure.code === 'ERR_IPC_PEER_GONE' ? peerGoneError('the peer is gone', error) : failure;
}
