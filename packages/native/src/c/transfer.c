/** Bytes in and out of file descriptors: copied from and to JavaScript, or moved between two of them without it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "retry.h"

/** Vectors of one writev(2); the rest of a longer list waits for the next call, as after any short write. */
#define VECTORS_MAX 1024

/** Ends a transfer: bytes moved, -1 for "would block", or the error thrown. */
static inline napi_value transferred(napi_env env, ssize_t count, const char *syscall) {
  if (count >= 0) return js_int(env, (int32_t)count);
  return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, syscall, NULL);
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

bool transfer_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("read", read_bytes),     FUNCTION("write", write_bytes),
      FUNCTION("writev", write_vector), FUNCTION("readPair", read_pair),
      FUNCTION("writePair", write_pair), FUNCTION("splice", splice_bytes),
      FUNCTION("tee", tee_bytes),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
