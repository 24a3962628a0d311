/** File descriptors: pipes, FIFOs, eventfds, reads and writes. Everything is opened close-on-exec. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "deadline.h"

/** Vectors of one writev(2); the rest of a longer list waits for the next call, as after any short write. */
#define VECTORS_MAX 1024

/** Repeats a call that a signal interrupted before it did anything. */
#define RETRY(result, call) \
  do                        \
    (result) = (call);      \
  while ((result) < 0 && errno == EINTR)

/** Ends a transfer: bytes moved, -1 for "would block", or the error thrown. */
static inline napi_value transferred(napi_env env, ssize_t count, const char *syscall) {
  if (count >= 0) return js_int(env, (int32_t)count);
  return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, syscall, NULL);
}

static napi_value create_pipe(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  bool packet;
  if (!argument_boolean(env, argument[0], "packet", &packet)) return NULL;
  int pair[2];
  if (pipe2(pair, O_CLOEXEC | O_NONBLOCK | (packet ? O_DIRECT : 0)) < 0) return throw_errno(env, "pipe2", NULL);
  return js_descriptor_pair(env, pair);
}

static napi_value make_fifo(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  struct text path;
  int mode;
  if (!argument_text(env, argument[0], "path", "mkfifo", &path) ||
      !argument_int(env, argument[1], "mode", 0, 07777, &mode))
    return NULL;
  return mkfifo(path.chars, (mode_t)mode) < 0 ? throw_errno(env, "mkfifo", path.chars) : js_undefined(env);
}

static napi_value open_path(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  struct text path;
  int flags, mode = 0666, fd;
  if (!argument_text(env, argument[0], "path", "open", &path) ||
      !argument_int(env, argument[1], "flags", 0, INT_MAX, &flags) ||
      (!argument_is_undefined(env, argument[2]) && !argument_int(env, argument[2], "mode", 0, 07777, &mode)))
    return NULL;
  RETRY(fd, open(path.chars, flags | O_CLOEXEC, mode));
  return js_descriptor(env, fd, "open", path.chars);
}

/** Gives an open file a name: O_TMPFILE's way of publishing a file only when it is complete. */
static napi_value link_descriptor(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd;
  struct text path;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_text(env, argument[1], "path", "linkat", &path))
    return NULL;
  char source[32];
  snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, source, AT_FDCWD, path.chars, AT_SYMLINK_FOLLOW) < 0 ? throw_errno(env, "linkat", path.chars)
                                                                               : js_undefined(env);
}

/**
 * The fds to close when an environment ends, a bit each: a worker that is terminated runs no JavaScript that could, and the
 * peers would never see an end. Hooks run last to first, so that no watch waits for an fd any more when it is closed.
 */
struct owned {
  uint64_t *bits;
  size_t words;
};

static void close_owned(void *data) {
  struct owned *owned = data;
  for (size_t word = 0; word < owned->words; word++)
    for (uint64_t bits = owned->bits[word]; bits; bits &= bits - 1)
      close((int)(word * 64) + __builtin_ctzll(bits));
  free(owned->bits);
  free(owned);
}

static bool is_owned(const struct owned *owned, int fd) {
  const size_t word = (size_t)fd / 64;
  return word < owned->words && owned->bits[word] >> fd % 64 & 1;
}

static void disown(struct owned *owned, int fd) {
  if (is_owned(owned, fd)) owned->bits[fd / 64] &= ~(UINT64_C(1) << fd % 64);
}

static napi_value close_at_thread_exit(napi_env env, napi_callback_info info) {
  napi_value argument[2];
  size_t count = 2;
  struct owned *owned;
  int fd;
  bool on = true;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &count, argument, NULL, (void **)&owned) != napi_ok ||
      !argument_fd(env, argument[0], "fd", &fd))
    return NULL;
  if (napi_typeof(env, argument[1], &type) != napi_ok ||
      (type != napi_undefined && napi_get_value_bool(env, argument[1], &on) != napi_ok))
    return throw_type_error(env, "on: expected a boolean");
  if (!on) disown(owned, fd);
  if (!on || is_owned(owned, fd)) return js_undefined(env);
  if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) return throw_errno(env, "fcntl", NULL);
  const size_t word = (size_t)fd / 64;
  if (word >= owned->words) {
    uint64_t *grown = realloc(owned->bits, (word + 1) * sizeof *grown);
    if (!grown) return throw_error_number(env, ENOMEM, "realloc", NULL);
    memset(grown + owned->words, 0, (word + 1 - owned->words) * sizeof *grown);
    owned->bits = grown;
    owned->words = word + 1;
  }
  owned->bits[word] |= UINT64_C(1) << fd % 64;
  return js_undefined(env);
}

static napi_value close_fd(napi_env env, napi_callback_info info) {
  napi_value argument[1];
  size_t count = 1;
  struct owned *owned;
  int fd;
  if (napi_get_cb_info(env, info, &count, argument, NULL, (void **)&owned) != napi_ok ||
      !argument_fd(env, argument[0], "fd", &fd))
    return NULL;
  disown(owned, fd);
  // Linux frees the fd even when it reports EINTR: repeating the call could close another thread's new fd.
  return close(fd) < 0 && errno != EINTR ? throw_errno(env, "close", NULL) : js_undefined(env);
}

static napi_value read_bytes(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  int fd;
  struct bytes target;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &target))
    return NULL;
  ssize_t count;
  RETRY(count, read(fd, target.data, target.length));
  return transferred(env, count, "read");
}

static napi_value write_bytes(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  int fd;
  struct bytes source;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &source))
    return NULL;
  ssize_t count;
  RETRY(count, write(fd, source.data, source.length));
  return transferred(env, count, "write");
}

static napi_value write_vector(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd;
  uint32_t count;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_array(env, argument[1], "sources", UINT32_MAX, &count))
    return NULL;
  if (count > VECTORS_MAX) count = VECTORS_MAX;

  // First every element, then every address: reading an element may run a getter that detaches an earlier one.
  napi_value elements[VECTORS_MAX];
  struct iovec vectors[VECTORS_MAX];
  for (uint32_t i = 0; i < count; i++)
    if (napi_get_element(env, argument[1], i, &elements[i]) != napi_ok) return throw_runtime_error(env, "writev");
  for (uint32_t i = 0; i < count; i++) {
    struct view view;
    if (!argument_view(env, elements[i], "sources", napi_uint8_array, &view)) return NULL;
    vectors[i] = (struct iovec){view.data, view.length};
  }
  ssize_t written;
  RETRY(written, writev(fd, vectors, (int)count));
  return transferred(env, written, "writev");
}

/** `target[offset, end)` and then `second[0, secondLength)`. */
static napi_value read_pair(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd, offset, second_length;
  struct view target, second;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_view(env, argument[1], "target", napi_uint8_array, &target) ||
      !argument_index(env, argument[2], "offset", target.length, &offset) ||
      !argument_view(env, argument[3], "second", napi_uint8_array, &second) ||
      !argument_index(env, argument[4], "secondLength", second.length, &second_length))
    return NULL;
  const struct iovec vectors[] = {
      {(uint8_t *)target.data + offset, target.length - (size_t)offset},
      {second.data, (size_t)second_length},
  };
  ssize_t count;
  RETRY(count, readv(fd, vectors, 2));
  return transferred(env, count, "readv");
}

/** `first[0, firstLength)` and then all of `second`. */
static napi_value write_pair(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  int fd, first_length;
  struct view first, second;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_view(env, argument[1], "first", napi_uint8_array, &first) ||
      !argument_index(env, argument[2], "firstLength", first.length, &first_length) ||
      !argument_view(env, argument[3], "second", napi_uint8_array, &second))
    return NULL;
  const struct iovec vectors[] = {{first.data, (size_t)first_length}, {second.data, second.length}};
  ssize_t count;
  RETRY(count, writev(fd, vectors, 2));
  return transferred(env, count, "writev");
}

static napi_value bytes_readable(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd, count;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  return ioctl(fd, FIONREAD, &count) < 0 ? throw_errno(env, "ioctl", NULL) : js_int(env, count);
}

static napi_value pipe_capacity(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  return js_descriptor(env, fcntl(fd, F_GETPIPE_SZ), "fcntl", NULL);
}

static napi_value set_pipe_capacity(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd, bytes;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_int(env, argument[1], "bytes", 1, INT_MAX, &bytes))
    return NULL;
  return js_descriptor(env, fcntl(fd, F_SETPIPE_SZ, bytes), "fcntl", NULL);
}

/** Turns one flag of an fd on or off. */
static napi_value set_flag(napi_env env, napi_callback_info info, int get, int set, int flag) {
  ARGUMENTS(2);
  int fd;
  bool on;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_boolean(env, argument[1], "on", &on)) return NULL;
  int flags = fcntl(fd, get);
  if (flags < 0 || fcntl(fd, set, on ? flags | flag : flags & ~flag) < 0) return throw_errno(env, "fcntl", NULL);
  return js_undefined(env);
}

static napi_value set_non_blocking(napi_env env, napi_callback_info info) {
  return set_flag(env, info, F_GETFL, F_SETFL, O_NONBLOCK);
}

static napi_value set_close_on_exec(napi_env env, napi_callback_info info) {
  return set_flag(env, info, F_GETFD, F_SETFD, FD_CLOEXEC);
}

static napi_value duplicate(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  return js_descriptor(env, fcntl(fd, F_DUPFD_CLOEXEC, 0), "fcntl", NULL);
}

static napi_value create_eventfd(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int64_t initial;
  if (!argument_integer(env, argument[0], "initial", 0, UINT32_MAX, &initial)) return NULL;
  return js_descriptor(env, eventfd((unsigned)initial, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd", NULL);
}

static napi_value open_pidfd(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int pid;
  if (!argument_int(env, argument[0], "pid", 1, INT_MAX, &pid)) return NULL;
  return js_descriptor(env, (int)syscall(SYS_pidfd_open, pid, 0), "pidfd_open", NULL);
}

static int poll_until(struct pollfd *polled, nfds_t count, double timeout_ms) {
  struct deadline deadline = deadline_after(timeout_ms);
  for (;;) {
    struct timespec left;
    if (!deadline.forever) left = deadline_remaining(&deadline);
    int ready = ppoll(polled, count, deadline.forever ? NULL : &left, NULL);
    if (ready >= 0 || errno != EINTR) return ready;
  }
}

static napi_value poll_fds(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  struct view fds, events, revents;
  double timeout_ms;
  if (!argument_view(env, argument[0], "fds", napi_int32_array, &fds) ||
      !argument_view(env, argument[1], "events", napi_int16_array, &events) ||
      !argument_view(env, argument[2], "revents", napi_int16_array, &revents) ||
      !argument_timeout(env, argument[3], &timeout_ms))
    return NULL;
  if (events.length != fds.length || revents.length != fds.length)
    return throw_range_error(env, "fds, events and revents: expected equal lengths, got %zu, %zu and %zu", fds.length,
                             events.length, revents.length);

  struct pollfd few[16];
  struct pollfd *polled = fds.length <= sizeof few / sizeof few[0] ? few : calloc(fds.length, sizeof *polled);
  if (!polled) return throw_error_number(env, ENOMEM, "poll", NULL);
  for (size_t i = 0; i < fds.length; i++)
    polled[i] = (struct pollfd){((int32_t *)fds.data)[i], ((int16_t *)events.data)[i], 0};
  int ready = poll_until(polled, fds.length, timeout_ms);
  int error = errno;
  for (size_t i = 0; ready >= 0 && i < fds.length; i++) ((int16_t *)revents.data)[i] = polled[i].revents;
  if (polled != few) free(polled);
  return ready < 0 ? throw_error_number(env, error, "poll", NULL) : js_int(env, ready);
}

static napi_value splice_bytes(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int from, to, length;
  if (!argument_fd(env, argument[0], "fdIn", &from) || !argument_fd(env, argument[1], "fdOut", &to) ||
      !argument_int(env, argument[2], "length", 0, INT_MAX, &length))
    return NULL;
  ssize_t count;
  RETRY(count, splice(from, NULL, to, NULL, (size_t)length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
  return transferred(env, count, "splice");
}

static napi_value tee_bytes(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int from, to, length;
  if (!argument_fd(env, argument[0], "fdIn", &from) || !argument_fd(env, argument[1], "fdOut", &to) ||
      !argument_int(env, argument[2], "length", 0, INT_MAX, &length))
    return NULL;
  ssize_t count;
  RETRY(count, tee(from, to, (size_t)length, SPLICE_F_NONBLOCK));
  return transferred(env, count, "tee");
}

bool descriptor_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("pipe", create_pipe),
      FUNCTION("mkfifo", make_fifo),
      FUNCTION("open", open_path),
      FUNCTION("linkDescriptor", link_descriptor),
      FUNCTION("read", read_bytes),
      FUNCTION("write", write_bytes),
      FUNCTION("writev", write_vector),
      FUNCTION("readPair", read_pair),
      FUNCTION("writePair", write_pair),
      FUNCTION("bytesReadable", bytes_readable),
      FUNCTION("pipeCapacity", pipe_capacity),
      FUNCTION("setPipeCapacity", set_pipe_capacity),
      FUNCTION("setNonBlocking", set_non_blocking),
      FUNCTION("setCloseOnExec", set_close_on_exec),
      FUNCTION("duplicate", duplicate),
      FUNCTION("eventfd", create_eventfd),
      FUNCTION("pidfdOpen", open_pidfd),
      FUNCTION("poll", poll_fds),
      FUNCTION("splice", splice_bytes),
      FUNCTION("tee", tee_bytes),
  };
  struct owned *owned = calloc(1, sizeof *owned);
  if (!owned || napi_add_env_cleanup_hook(env, close_owned, owned) != napi_ok) {
    free(owned);
    return false;
  }
  const napi_property_descriptor closing[] = {
      {"close", NULL, close_fd, NULL, NULL, NULL, napi_enumerable, owned},
      {"closeAtThreadExit", NULL, close_at_thread_exit, NULL, NULL, NULL, napi_enumerable, owned},
  };
  return DEFINE_FUNCTIONS(env, exports, functions) && DEFINE_FUNCTIONS(env, exports, closing);
}
