/** File descriptors: pipes, FIFOs, eventfds, pidfds, their flags and readiness. Everything is opened close-on-exec. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "deadline.h"
#include "retry.h"

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

bool descriptor_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("pipe", create_pipe),
      FUNCTION("mkfifo", make_fifo),
      FUNCTION("open", open_path),
      FUNCTION("linkDescriptor", link_descriptor),
      FUNCTION("bytesReadable", bytes_readable),
      FUNCTION("pipeCapacity", pipe_capacity),
      FUNCTION("setPipeCapacity", set_pipe_capacity),
      FUNCTION("setNonBlocking", set_non_blocking),
      FUNCTION("setCloseOnExec", set_close_on_exec),
      FUNCTION("duplicate", duplicate),
      FUNCTION("eventfd", create_eventfd),
      FUNCTION("pidfdOpen", open_pidfd),
      FUNCTION("poll", poll_fds),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
