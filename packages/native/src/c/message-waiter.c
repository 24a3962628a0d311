/**
 * Waiting for a message of a System V queue. Such a queue has no fd, so nothing can poll it. A MessageWaiter is a thread of its
 * own (none of libuv's pool) that blocks in msgrcv and makes an eventfd readable. It takes no message: it asks for one of 0
 * bytes at most, and the kernel answers E2BIG and leaves a longer one where it is. Only an empty message fits and is taken; its
 * type is kept.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/msg.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "blocking-thread.h"

struct waiter {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int id, event_fd;
  long wanted;  // the type to wait for, as msgrcv takes it; meaningful while `waiting`
  bool waiting, closing;
  atomic_bool running;
  atomic_long taken;  // the type of an empty message that was taken; 0 = none
  bool closed;        // by JavaScript
};

static const napi_type_tag waiter_tag = {0x1f6e0c5a77d94b02, 0x8d3b52a96e10f4c7};

static void *run_waiter(void *data) {
  struct waiter *waiter = data;
  pthread_mutex_lock(&waiter->mutex);
  while (!waiter->closing) {
    if (!waiter->waiting) {
      pthread_cond_wait(&waiter->changed, &waiter->mutex);
      continue;
    }
    long wanted = waiter->wanted;
    pthread_mutex_unlock(&waiter->mutex);
    struct msgbuf message;
    ssize_t got = msgrcv(waiter->id, &message, 0, wanted, 0);
    bool interrupted = got < 0 && errno == EINTR;
    if (got == 0) atomic_store(&waiter->taken, message.mtype);
    pthread_mutex_lock(&waiter->mutex);
    if (interrupted) continue;
    waiter->waiting = false;  // a message, or an error that the next call tells
    uint64_t one = 1;
    ssize_t written = write(waiter->event_fd, &one, sizeof one);
    (void)written;  // it can only fail when it is readable already
  }
  pthread_mutex_unlock(&waiter->mutex);
  atomic_store(&waiter->running, false);
  return NULL;
}

static void stop_waiter(struct waiter *waiter) {
  if (waiter->closed) return;
  waiter->closed = true;
  pthread_mutex_lock(&waiter->mutex);
  waiter->closing = true;
  pthread_cond_signal(&waiter->changed);
  pthread_mutex_unlock(&waiter->mutex);
  blocking_thread_interrupt(waiter->thread, &waiter->running);
  pthread_join(waiter->thread, NULL);
}

static void finalize_waiter(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct waiter *waiter = data;
  stop_waiter(waiter);
  pthread_mutex_destroy(&waiter->mutex);
  pthread_cond_destroy(&waiter->changed);
  free(waiter);
}

static napi_value waiter_construct(napi_env env, napi_callback_info info) {
  napi_value argument[2], self, target;
  size_t count = 2;
  if (napi_get_cb_info(env, info, &count, argument, &self, NULL) != napi_ok ||
      napi_get_new_target(env, info, &target) != napi_ok)
    return NULL;
  if (!target) return throw_type_error(env, "MessageWaiter: expected a call with new");
  int id, event_fd;
  if (!argument_int(env, argument[0], "id", 0, INT_MAX, &id) || !argument_fd(env, argument[1], "eventFd", &event_fd))
    return NULL;
  struct waiter *waiter = calloc(1, sizeof *waiter);
  if (!waiter) return throw_error_number(env, ENOMEM, "msgrcv", NULL);
  pthread_mutex_init(&waiter->mutex, NULL);
  pthread_cond_init(&waiter->changed, NULL);
  waiter->id = id;
  waiter->event_fd = event_fd;
  atomic_store(&waiter->running, true);
  int error = blocking_thread_start(&waiter->thread, run_waiter, waiter);
  if (error) {
    waiter->closed = true;
    finalize_waiter(env, waiter, NULL);
    return throw_error_number(env, error, "pthread_create", NULL);
  }
  if (napi_type_tag_object(env, self, &waiter_tag) != napi_ok ||
      napi_wrap(env, self, waiter, finalize_waiter, NULL, NULL) != napi_ok) {
    finalize_waiter(env, waiter, NULL);
    return throw_runtime_error(env, "MessageWaiter");
  }
  return self;
}

/** The waiter behind `this`; NULL, with a TypeError, when `this` is anything else. */
static struct waiter *receiver(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments) {
  napi_value self;
  bool tagged = false;
  struct waiter *waiter;
  if (napi_get_cb_info(env, info, count, arguments, &self, NULL) == napi_ok &&
      napi_check_object_type_tag(env, self, &waiter_tag, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, self, (void **)&waiter) == napi_ok)
    return waiter;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
    throw_type_error(env, "this: expected a MessageWaiter");
  return NULL;
}

static napi_value waiter_wait(napi_env env, napi_callback_info info) {
  napi_value argument[1];
  size_t count = 1;
  int64_t type;
  struct waiter *waiter = receiver(env, info, &count, argument);
  if (!waiter || !argument_integer(env, argument[0], "type", -SAFE_INTEGER_MAX, SAFE_INTEGER_MAX, &type)) return NULL;
  if (waiter->closed) return throw_error_number(env, EBADF, "msgrcv", NULL);
  pthread_mutex_lock(&waiter->mutex);
  waiter->wanted = (long)type;
  waiter->waiting = true;
  pthread_cond_signal(&waiter->changed);
  pthread_mutex_unlock(&waiter->mutex);
  return js_undefined(env);
}

static napi_value waiter_taken(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct waiter *waiter = receiver(env, info, &count, NULL);
  return waiter ? js_number(env, (double)atomic_exchange(&waiter->taken, 0)) : NULL;
}

static napi_value waiter_close(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct waiter *waiter = receiver(env, info, &count, NULL);
  if (!waiter) return NULL;
  stop_waiter(waiter);
  return js_undefined(env);
}

bool message_waiter_init(napi_env env, napi_value exports) {
  const napi_property_descriptor methods[] = {
      FUNCTION("wait", waiter_wait),
      FUNCTION("taken", waiter_taken),
      FUNCTION("close", waiter_close),
  };
  napi_value class;
  return napi_define_class(env, "MessageWaiter", NAPI_AUTO_LENGTH, waiter_construct, NULL,
                           sizeof methods / sizeof methods[0], methods, &class) == napi_ok &&
         napi_set_named_property(env, exports, "MessageWaiter", class) == napi_ok;
}
