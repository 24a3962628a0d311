/**
 * Linux system calls for inter-process communication, as plain functions.
 *
 * Mechanism, no policy: no retry, no protocol, no default that could surprise. Everything opened is close-on-exec. The
 * rules that hold for every function:
 *
 * - The operating system's refusal is an Error with `code` ('ENOENT'), `errno` (negative) and `syscall`.
 * - A caller's bug is a bare TypeError (wrong kind) or RangeError (out of range). Nothing aborts the process.
 * - "Would block" is an outcome, not an error: -1, or false.
 * - A call that a signal interrupts goes on.
 * - Where there is no addon, importing works and every call throws ERR_IPC_UNSUPPORTED; see `unavailable`.
 */
export { unavailable } from './binding.ts';
export { affinity, currentCpu, setAffinity, threadId } from './cpu.ts';
export {
  O_TMPFILE,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  bytesReadable,
  close,
  closeAtThreadExit,
  duplicate,
  eventfd,
  linkDescriptor,
  mkfifo,
  open,
  pidfdOpen,
  pipe,
  pipeCapacity,
  poll,
  read,
  readPair,
  setCloseOnExec,
  setNonBlocking,
  setPipeCapacity,
  splice,
  tee,
  write,
  writePair,
  writev,
  type PipeOptions,
} from './descriptor.ts';
export { DescriptorStream } from './descriptor-stream.ts';
export { futexWait, futexWake, type FutexOutcome } from './futex.ts';
export { flock, ofdHolder, ofdLock, type LockKind } from './lock.ts';
export {
  MFD_HUGETLB,
  SEAL_FUTURE_WRITE,
  SEAL_GROW,
  SEAL_SEAL,
  SEAL_SHRINK,
  SEAL_WRITE,
  addSeals,
  advise,
  allocate,
  getSeals,
  lock,
  lostPages,
  map,
  memfdCreate,
  shmOpen,
  shmUnlink,
  sync,
  unmap,
  type MapOptions,
  type MemoryAdvice,
} from './memory.ts';
export { claimAbandonedPath, claimPath, type PathClaim } from './path-claim.ts';
export {
  MQ_PRIORITY_MAX,
  mqAttributes,
  mqOpen,
  mqReceive,
  mqReceiveMany,
  mqSend,
  mqSendMany,
  mqUnlink,
  type QueueAttributes,
} from './queue.ts';
export { semOpen, semUnlink, type NamedSemaphore } from './semaphore.ts';
export {
  accept,
  bind,
  connect,
  listen,
  peerCredentials,
  peerPidfd,
  receiveMessage,
  receiveMessages,
  sendMessage,
  sendMessages,
  setSocketBuffer,
  shutdown,
  socket,
  socketBuffer,
  socketPair,
  unreadBytes,
  type PeerCredentials,
  type ReceivedMessage,
  type SocketType,
} from './socket.ts';
export {
  IPC_CREAT,
  IPC_EXCL,
  messageBox,
  messageWaiter,
  msgGet,
  msgReceive,
  msgRemove,
  msgSend,
  msgStatus,
  type MessageBox,
  type MessageStatus,
  type MessageWaiter,
} from './sysv.ts';
export { DISCONNECT, FAILED, READABLE, WRITABLE, watch, type Watch } from './watch.ts';
