/** Closing file descriptors, also those that a thread leaves open when it ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"

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

bool owned_descriptors_init(napi_env env, napi_value exports) {
  struct owned *owned = calloc(1, sizeof *owned);
  if (!owned || napi_add_env_cleanup_hook(env, close_owned, owned) != napi_ok) {
    free(owned);
    return false;
  }
  const napi_property_descriptor functions[] = {
      {"close", NULL, close_fd, NULL, NULL, NULL, napi_enumerable, owned},
      {"closeAtThreadExit", NULL, close_at_thread_exit, NULL, NULL, NULL, napi_enumerable, owned},
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
