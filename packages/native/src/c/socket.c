/** Unix domain sockets: unix(7). What travels through them is in socket-message.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "retry.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5; the number on x64 and arm64
#endif

static const char *const type_names[] = {"stream", "seqpacket", "datagram", NULL};
static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};

static napi_value create_socket(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int type;
  if (!argument_choice(env, argument[0], "type", type_names, &type)) return NULL;
  return js_descriptor(env, socket(AF_UNIX, types[type] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket", NULL);
}

static napi_value create_socket_pair(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int type, pair[2];
  if (!argument_choice(env, argument[0], "type", type_names, &type)) return NULL;
  if (socketpair(AF_UNIX, types[type] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
    return throw_errno(env, "socketpair", NULL);
  return js_descriptor_pair(env, pair);
}

struct address {
  struct sockaddr_un unix_address;
  socklen_t length;
  char printable[sizeof(struct sockaddr_un)];
};

/** A path, or an abstract name when the first byte is NUL; a string or a Uint8Array. */
static bool argument_address(napi_env env, napi_value value, const char *syscall, struct address *address) {
  char *path = address->unix_address.sun_path;
  const size_t room = sizeof address->unix_address.sun_path;
  char copy[sizeof address->unix_address.sun_path + 1];
  const void *data = copy;
  size_t length, copied;
  napi_typedarray_type type;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok) {
    napi_get_value_string_utf8(env, value, copy, sizeof copy, &copied);
  } else if (napi_get_typedarray_info(env, value, &type, &length, (void **)&data, NULL, NULL) != napi_ok ||
             type != napi_uint8_array) {
    throw_type_error(env, "path: expected a string or a Uint8Array");
    return false;
  }
  if (length == 0) {
    throw_range_error(env, "path: expected at least one byte");
    return false;
  }
  memset(address, 0, sizeof *address);
  memcpy(path, data, length < room ? length : room);
  bool abstract = path[0] == '\0';
  snprintf(address->printable, sizeof address->printable, "%s%.*s", abstract ? "@" : "",
           (int)(room - abstract), path + abstract);
  if (!abstract && memchr(path, '\0', length < room ? length : room)) {
    throw_type_error(env, "path: expected no NUL, except at the start of an abstract name");
    return false;
  }
  // A path needs its terminating NUL, an abstract name is delimited by its length.
  if (length > (abstract ? room : room - 1)) {
    throw_error_number(env, ENAMETOOLONG, syscall, address->printable);
    return false;
  }
  address->unix_address.sun_family = AF_UNIX;
  address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (abstract ? 0 : 1));
  return true;
}

static napi_value bind_socket(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd;
  struct address address;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_address(env, argument[1], "bind", &address)) return NULL;
  return bind(fd, (struct sockaddr *)&address.unix_address, address.length) < 0
             ? throw_errno(env, "bind", address.printable)
             : js_undefined(env);
}

static napi_value listen_socket(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd, backlog;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_int(env, argument[1], "backlog", 0, INT_MAX, &backlog))
    return NULL;
  return listen(fd, backlog) < 0 ? throw_errno(env, "listen", NULL) : js_undefined(env);
}

static napi_value connect_socket(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd, result;
  struct address address;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_address(env, argument[1], "connect", &address))
    return NULL;
  RETRY(result, connect(fd, (struct sockaddr *)&address.unix_address, address.length));
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN ? js_boolean(env, false) : throw_errno(env, "connect", address.printable);
}

static napi_value accept_socket(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd, accepted;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  do
    accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
  return accepted < 0 && errno != EAGAIN ? throw_errno(env, "accept4", NULL) : js_int(env, accepted);
}

static napi_value shutdown_socket(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  static const char *const names[] = {"read", "write", "both", NULL};
  static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
  int fd, how;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_choice(env, argument[1], "how", names, &how)) return NULL;
  return shutdown(fd, hows[how]) < 0 ? throw_errno(env, "shutdown", NULL) : js_undefined(env);
}

static napi_value peer_credentials(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd;
  struct ucred peer;
  socklen_t length = sizeof peer;
  napi_value result;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return throw_errno(env, "getsockopt", NULL);
  if (napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "pid", js_int(env, peer.pid)) != napi_ok ||
      napi_set_named_property(env, result, "uid", js_number(env, peer.uid)) != napi_ok ||
      napi_set_named_property(env, result, "gid", js_number(env, peer.gid)) != napi_ok)
    return throw_runtime_error(env, "getsockopt");
  return result;
}

static napi_value peer_pidfd(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd, pidfd;
  socklen_t length = sizeof pidfd;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0) return js_int(env, pidfd);
  return errno == ENOPROTOOPT ? js_int(env, -1) : throw_errno(env, "getsockopt", NULL);
}

static const char *const directions[] = {"send", "receive", NULL};
static const int buffer_options[] = {SO_SNDBUF, SO_RCVBUF};

static napi_value set_socket_buffer(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int fd, direction, bytes;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_choice(env, argument[1], "which", directions, &direction) ||
      !argument_int(env, argument[2], "bytes", 0, INT_MAX, &bytes))
    return NULL;
  return setsockopt(fd, SOL_SOCKET, buffer_options[direction], &bytes, sizeof bytes) < 0
             ? throw_errno(env, "setsockopt", NULL)
             : js_undefined(env);
}

static napi_value socket_buffer(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd, direction, bytes;
  socklen_t length = sizeof bytes;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_choice(env, argument[1], "which", directions, &direction))
    return NULL;
  return getsockopt(fd, SOL_SOCKET, buffer_options[direction], &bytes, &length) < 0
             ? throw_errno(env, "getsockopt", NULL)
             : js_int(env, bytes);
}

static napi_value unread_bytes(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd, bytes = 0;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  return ioctl(fd, TIOCOUTQ, &bytes) < 0 ? throw_errno(env, "ioctl", NULL) : js_int(env, bytes);
}

bool socket_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("socket", create_socket),
      FUNCTION("socketPair", create_socket_pair),
      FUNCTION("bind", bind_socket),
      FUNCTION("listen", listen_socket),
      FUNCTION("connect", connect_socket),
      FUNCTION("accept", accept_socket),
      FUNCTION("shutdown", shutdown_socket),
      FUNCTION("peerCredentials", peer_credentials),
      FUNCTION("peerPidfd", peer_pidfd),
      FUNCTION("setSocketBuffer", set_socket_buffer),
      FUNCTION("socketBuffer", socket_buffer),
      FUNCTION("unreadBytes", unread_bytes),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
