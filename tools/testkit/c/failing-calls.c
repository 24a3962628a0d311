/**
 * Preloaded into a test's process: makes the N-th call of one libc function fail, on the thread that asks for it.
 *
 * A program asks by access(2), which it can reach without native code:
 *
 *   /failing-call/NAME/N/ERRNO   from now on, the N-th call of NAME fails with ERRNO; the others work
 *   /failing-call/               no more; it is there when that call was made, else ENOENT
 *
 * A close that fails has closed, as on Linux, and giving a lock back does not fail. Reads and writes fail on pipes and sockets only: libuv ends the process when
 * it cannot read its own eventfd.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static __thread char name[16];
static __thread int calls_left, error;

static int fails(const char *function) {
  if (calls_left == 0 || strcmp(function, name) != 0 || --calls_left > 0) return 0;
  errno = error;
  return 1;
}

static int fails_on_stream(const char *function, int fd) {
  struct stat status;
  return calls_left != 0 && fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) &&
         fails(function);
}

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

int access(const char *path, int mode) {
  if (strncmp(path, "/failing-call/", 14) != 0) return REAL(access)(path, mode);
  if (sscanf(path + 14, "%15[^/]/%d/%d", name, &calls_left, &error) == 3) return 0;
  const int made = calls_left == 0;
  calls_left = 0;
  errno = ENOENT;
  return made ? 0 : -1;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return fails("open") ? -1 : REAL(open)(path, flags, mode);
}

int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  const int unlocks = command == F_OFD_SETLK && ((struct flock *)argument)->l_type == F_UNLCK;
  return !unlocks && fails("fcntl") ? -1 : REAL(fcntl)(fd, command, argument);
}

int ioctl(int fd, unsigned long command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return fails("ioctl") ? -1 : ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(fd, command, argument);
}

int close(int fd) {
  const int result = REAL(close)(fd);
  return fails("close") ? -1 : result;
}

/** Of files only: V8's own memory is none of ours. */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return fd >= 0 && fails("mmap") ? MAP_FAILED : REAL(mmap)(address, length, protection, flags, fd, offset);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  return fails("posix_fallocate") ? errno : REAL(posix_fallocate)(fd, offset, length);
}

mqd_t mq_open(const char *label, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  struct mq_attr *attributes = va_arg(rest, struct mq_attr *);
  va_end(rest);
  return fails("mq_open") ? -1 : REAL(mq_open)(label, flags, mode, attributes);
}

int pipe2(int fds[2], int flags) { return fails("pipe2") ? -1 : REAL(pipe2)(fds, flags); }
int mkfifo(const char *path, mode_t mode) { return fails("mkfifo") ? -1 : REAL(mkfifo)(path, mode); }
int chmod(const char *path, mode_t mode) { return fails("chmod") ? -1 : REAL(chmod)(path, mode); }
int rename(const char *from, const char *to) { return fails("rename") ? -1 : REAL(rename)(from, to); }
int unlink(const char *path) { return fails("unlink") ? -1 : REAL(unlink)(path); }
ssize_t read(int fd, void *target, size_t length) { return fails_on_stream("read", fd) ? -1 : REAL(read)(fd, target, length); }
ssize_t write(int fd, const void *source, size_t length) {
  return fails_on_stream("write", fd) ? -1 : REAL(write)(fd, source, length);
}
ssize_t readv(int fd, const struct iovec *vectors, int count) {
  return fails_on_stream("readv", fd) ? -1 : REAL(readv)(fd, vectors, count);
}
ssize_t writev(int fd, const struct iovec *vectors, int count) {
  return fails_on_stream("writev", fd) ? -1 : REAL(writev)(fd, vectors, count);
}

/** Messages of the kernel's queues go by syscall(2), past the functions named after them. */
static const char *queue_call(long number) {
  switch (number) {
    case SYS_mq_timedsend:
      return "mq_send";
    case SYS_mq_timedreceive:
      return "mq_receive";
    case SYS_msgsnd:
      return "msgsnd";
    case SYS_msgrcv:
      return "msgrcv";
    default:
      return "";
  }
}

long syscall(long number, ...) {
  long argument[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) argument[i] = va_arg(rest, long);
  va_end(rest);
  return fails(queue_call(number)) ? -1
                                   : REAL(syscall)(number, argument[0], argument[1], argument[2], argument[3],
                                                   argument[4], argument[5]);
}

/** Calls with nothing special about them. */
#define FAILING(type, function, parameters, arguments) \
  type function parameters { return fails(#function) ? -1 : REAL(function) arguments; }

FAILING(int, memfd_create, (const char *label, unsigned flags), (label, flags))
FAILING(int, linkat, (int from, const char *path, int to, const char *link, int flags), (from, path, to, link, flags))
FAILING(int, fchmod, (int fd, mode_t mode), (fd, mode))
FAILING(int, mq_getattr, (mqd_t queue, struct mq_attr *attributes), (queue, attributes))
FAILING(int, mq_unlink, (const char *label), (label))
FAILING(int, msgget, (key_t key, int flags), (key, flags))
FAILING(int, msgctl, (int queue, int command, struct msqid_ds *status), (queue, command, status))
FAILING(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(int, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))
FAILING(int, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
FAILING(int, listen, (int fd, int backlog), (fd, backlog))
FAILING(int, connect, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
FAILING(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags), (fd, address, length, flags))
FAILING(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *length), (fd, level, name, value, length))
FAILING(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),
        (fd, level, name, value, length))
FAILING(ssize_t, send, (int fd, const void *source, size_t length, int flags), (fd, source, length, flags))
FAILING(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
FAILING(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
FAILING(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags), (fd, messages, count, flags))
FAILING(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
        (fd, messages, count, flags, timeout))
