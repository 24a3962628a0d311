/** Futexes on shared words: futex(2), without FUTEX_PRIVATE_FLAG, so they work across processes. */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "deadline.h"

static inline bool argument_word(napi_env env, napi_value words_value, napi_value index_value, int32_t **word) {
  struct view words;
  int64_t index;
  if (!argument_view(env, words_value, "words", napi_int32_array, &words)) return false;
  if (words.length == 0) {
    throw_range_error(env, "words: expected at least one element");
    return false;
  }
  if (!argument_integer(env, index_value, "index", 0, (int64_t)words.length - 1, &index)) return false;
  *word = (int32_t *)words.data + index;
  return true;
}

/**
 * The kernel answers EFAULT where an access is SIGBUS: in a mapping whose file was cut short. With this access mapping.c
 * puts a page of zeros there, and the caller finds the word changed.
 */
static void touch(int32_t *word) { (void)__atomic_load_n(word, __ATOMIC_SEQ_CST); }

static napi_value outcome(napi_env env, const char *text) {
  napi_value value = NULL;
  napi_create_string_latin1(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

static napi_value futex_wait(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  int32_t *word;
  int expected;
  double timeout_ms;
  if (!argument_word(env, argument[0], argument[1], &word) ||
      !argument_int(env, argument[2], "expected", INT32_MIN, INT32_MAX, &expected) ||
      !argument_timeout(env, argument[3], &timeout_ms))
    return NULL;
  struct deadline deadline = deadline_after(timeout_ms);
  for (;;) {
    // The bitset form takes an absolute time, so a wait that a signal interrupts restarts as it was.
    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, deadline.forever ? NULL : &deadline.at, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0)
      return outcome(env, "woken");
    switch (errno) {
      case EINTR:
        continue;
      case EFAULT:
        touch(word);
        return outcome(env, "changed");
      case EAGAIN:
        return outcome(env, "changed");
      case ETIMEDOUT:
        return outcome(env, "timed-out");
      default:
        return throw_errno(env, "futex", NULL);
    }
  }
}

static napi_value futex_wake(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int32_t *word;
  int count;
  if (!argument_word(env, argument[0], argument[1], &word) ||
      !argument_int(env, argument[2], "count", 0, INT_MAX, &count))
    return NULL;
  // The kernel wakes one sleeper even when asked for none.
  if (count == 0) return js_int(env, 0);
  long woken = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
  if (woken >= 0) return js_int(env, (int32_t)woken);
  if (errno != EFAULT) return throw_errno(env, "futex", NULL);
  touch(word);
  return js_int(env, 0);
}

bool futex_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("futexWait", futex_wait),
      FUNCTION("futexWake", futex_wake),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
