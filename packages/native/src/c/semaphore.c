/**
 * POSIX named semaphores: sem_overview(7).
 *
 * Nothing can poll such a semaphore. To wait for it on the event loop, a thread of its own (none of libuv's pool)
 * blocks in sem_wait, and makes an eventfd readable when it has taken a permit.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "retry.h"
#include "blocking-thread.h"
#include "deadline.h"

/** The waiting thread of a semaphore. */
struct waiter {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int event_fd;
  bool waiting, closing;  // under `mutex`
  atomic_bool blocking;   // from seeing `waiting` until what came of it is told
  atomic_bool taken;
};

struct semaphore {
  sem_t *sem;             // NULL once closed
  struct waiter *waiter;  // NULL until the first `start`
};

static const napi_type_tag semaphore_tag = {0x6a3e91c4d07b4f58, 0x9c1d2e7fb0a64835};

static void *run_waiter(void *data) {
  struct semaphore *semaphore = data;
  struct waiter *waiter = semaphore->waiter;
  pthread_mutex_lock(&waiter->mutex);
  while (!waiter->closing) {
    if (!waiter->waiting) {
      pthread_cond_wait(&waiter->changed, &waiter->mutex);
      continue;
    }
    atomic_store(&waiter->blocking, true);
    pthread_mutex_unlock(&waiter->mutex);
    bool got = sem_wait(semaphore->sem) == 0;
    if (got) atomic_store(&waiter->taken, true);
    pthread_mutex_lock(&waiter->mutex);
    if (got) {
      waiter->waiting = false;
      uint64_t one = 1;
      ssize_t written = write(waiter->event_fd, &one, sizeof one);
      (void)written;  // it can only fail when it is readable already
    }
    atomic_store(&waiter->blocking, false);
  }
  pthread_mutex_unlock(&waiter->mutex);
  return NULL;
}

static int start_waiter(struct semaphore *semaphore, int event_fd) {
  struct waiter *waiter = calloc(1, sizeof *waiter);
  if (!waiter) return ENOMEM;
  pthread_mutex_init(&waiter->mutex, NULL);
  pthread_cond_init(&waiter->changed, NULL);
  waiter->event_fd = event_fd;
  semaphore->waiter = waiter;

  int error = blocking_thread_start(&waiter->thread, run_waiter, semaphore);
  if (error) {
    semaphore->waiter = NULL;
    pthread_mutex_destroy(&waiter->mutex);
    pthread_cond_destroy(&waiter->changed);
    free(waiter);
  }
  return error;
}

/** Whether a permit was taken meanwhile. */
static bool pause_waiter(struct semaphore *semaphore) {
  struct waiter *waiter = semaphore->waiter;
  if (!waiter) return false;
  pthread_mutex_lock(&waiter->mutex);
  waiter->waiting = false;
  pthread_mutex_unlock(&waiter->mutex);
  blocking_thread_interrupt(waiter->thread, &waiter->blocking);
  return atomic_exchange(&waiter->taken, false);
}

static void close_semaphore(struct semaphore *semaphore) {
  if (!semaphore->sem) return;
  struct waiter *waiter = semaphore->waiter;
  if (waiter) {
    if (pause_waiter(semaphore)) sem_post(semaphore->sem);
    pthread_mutex_lock(&waiter->mutex);
    waiter->closing = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->mutex);
    pthread_join(waiter->thread, NULL);
    pthread_mutex_destroy(&waiter->mutex);
    pthread_cond_destroy(&waiter->changed);
    free(waiter);
    semaphore->waiter = NULL;
  }
  sem_close(semaphore->sem);
  semaphore->sem = NULL;
}

static void finalize_semaphore(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  close_semaphore(data);
  free(data);
}

static napi_value semaphore_construct(napi_env env, napi_callback_info info) {
  napi_value argument[4], self, target;
  size_t count = 4;
  if (napi_get_cb_info(env, info, &count, argument, &self, NULL) != napi_ok ||
      napi_get_new_target(env, info, &target) != napi_ok)
    return NULL;
  if (!target) return throw_type_error(env, "NamedSemaphore: expected a call with new");
  struct text name;
  int flags, mode, value;
  if (!argument_text(env, argument[0], "name", "sem_open", &name) ||
      !argument_int(env, argument[1], "flags", 0, INT_MAX, &flags) ||
      !argument_int(env, argument[2], "mode", 0, 07777, &mode) ||
      !argument_int(env, argument[3], "value", 0, INT_MAX, &value))
    return NULL;
  struct semaphore *semaphore = calloc(1, sizeof *semaphore);
  if (!semaphore) return throw_error_number(env, ENOMEM, "sem_open", NULL);
  semaphore->sem = sem_open(name.chars, flags, (mode_t)mode, (unsigned)value);
  if (semaphore->sem == SEM_FAILED) {
    free(semaphore);
    return throw_errno(env, "sem_open", name.chars);
  }
  if (napi_type_tag_object(env, self, &semaphore_tag) != napi_ok ||
      napi_wrap(env, self, semaphore, finalize_semaphore, NULL, NULL) != napi_ok) {
    finalize_semaphore(env, semaphore, NULL);
    return throw_runtime_error(env, "NamedSemaphore");
  }
  return self;
}

/** The semaphore behind `this`; NULL, with an exception, when `this` is anything else, or closed. */
static struct semaphore *receiver(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments,
                                  const char *call) {
  napi_value self;
  bool tagged = false, pending = false;
  struct semaphore *semaphore;
  if (napi_get_cb_info(env, info, count, arguments, &self, NULL) == napi_ok &&
      napi_check_object_type_tag(env, self, &semaphore_tag, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, self, (void **)&semaphore) == napi_ok) {
    if (semaphore->sem || !call) return semaphore;
    throw_error_number(env, EBADF, call, NULL);
    return NULL;
  }
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
    throw_type_error(env, "this: expected a NamedSemaphore");
  return NULL;
}

static napi_value semaphore_try_wait(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct semaphore *semaphore = receiver(env, info, &count, NULL, "sem_trywait");
  if (!semaphore) return NULL;
  int result;
  RETRY(result, sem_trywait(semaphore->sem));
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN ? js_boolean(env, false) : throw_errno(env, "sem_trywait", NULL);
}

typedef int (*clock_wait)(sem_t *, clockid_t, const struct timespec *);

/** sem_clockwait came with glibc 2.30; musl has none. Without it, what is left is counted anew from CLOCK_REALTIME, a slice at a time. */
static int wait_until(sem_t *sem, const struct deadline *deadline) {
  static _Atomic(clock_wait) known;
  clock_wait wait = atomic_load(&known);
  if (!wait) {
    wait = (clock_wait)dlsym(RTLD_DEFAULT, "sem_clockwait");
    atomic_store(&known, wait);
  }
  if (wait) return wait(sem, CLOCK_MONOTONIC, &deadline->at);
  struct timespec left = deadline_remaining(deadline), until;
  bool last = left.tv_sec == 0;
  if (!last) left = (struct timespec){1, 0};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += left.tv_sec;
  until.tv_nsec += left.tv_nsec;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  int result = sem_timedwait(sem, &until);
  if (result < 0 && errno == ETIMEDOUT) {
    left = deadline_remaining(deadline);
    if (left.tv_sec > 0 || left.tv_nsec > 0) errno = EINTR;
  }
  return result;
}

static napi_value semaphore_wait(napi_env env, napi_callback_info info) {
  napi_value argument[1];
  size_t count = 1;
  double timeout_ms;
  struct semaphore *semaphore = receiver(env, info, &count, argument, "sem_clockwait");
  if (!semaphore || !argument_timeout(env, argument[0], &timeout_ms)) return NULL;
  struct deadline deadline = deadline_after(timeout_ms);
  int result;
  RETRY(result, deadline.forever ? sem_wait(semaphore->sem) : wait_until(semaphore->sem, &deadline));
  if (result == 0) return js_boolean(env, true);
  return errno == ETIMEDOUT ? js_boolean(env, false) : throw_errno(env, "sem_clockwait", NULL);
}

static napi_value semaphore_post(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct semaphore *semaphore = receiver(env, info, &count, NULL, "sem_post");
  if (!semaphore) return NULL;
  return sem_post(semaphore->sem) < 0 ? throw_errno(env, "sem_post", NULL) : js_undefined(env);
}

static napi_value semaphore_value(napi_env env, napi_callback_info info) {
  size_t count = 0;
  int value;
  struct semaphore *semaphore = receiver(env, info, &count, NULL, "sem_getvalue");
  if (!semaphore) return NULL;
  return sem_getvalue(semaphore->sem, &value) < 0 ? throw_errno(env, "sem_getvalue", NULL) : js_int(env, value);
}

static napi_value semaphore_start(napi_env env, napi_callback_info info) {
  napi_value argument[1];
  size_t count = 1;
  int event_fd, error;
  struct semaphore *semaphore = receiver(env, info, &count, argument, "sem_wait");
  if (!semaphore || !argument_fd(env, argument[0], "eventFd", &event_fd)) return NULL;
  if (!semaphore->waiter && (error = start_waiter(semaphore, event_fd)))
    return throw_error_number(env, error, "pthread_create", NULL);
  struct waiter *waiter = semaphore->waiter;
  pthread_mutex_lock(&waiter->mutex);
  waiter->event_fd = event_fd;
  waiter->waiting = true;
  pthread_cond_signal(&waiter->changed);
  pthread_mutex_unlock(&waiter->mutex);
  return js_undefined(env);
}

static napi_value semaphore_taken(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct semaphore *semaphore = receiver(env, info, &count, NULL, "sem_wait");
  if (!semaphore) return NULL;
  return js_boolean(env, semaphore->waiter && atomic_exchange(&semaphore->waiter->taken, false));
}

static napi_value semaphore_stop(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct semaphore *semaphore = receiver(env, info, &count, NULL, "sem_wait");
  if (!semaphore) return NULL;
  return js_boolean(env, pause_waiter(semaphore));
}

static napi_value semaphore_close(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct semaphore *semaphore = receiver(env, info, &count, NULL, NULL);
  if (!semaphore) return NULL;
  close_semaphore(semaphore);
  return js_undefined(env);
}

static napi_value semaphore_unlink(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct text name;
  if (!argument_text(env, argument[0], "name", "sem_unlink", &name)) return NULL;
  return sem_unlink(name.chars) < 0 ? throw_errno(env, "sem_unlink", name.chars) : js_undefined(env);
}

bool semaphore_init(napi_env env, napi_value exports) {
  const napi_property_descriptor methods[] = {
      FUNCTION("tryWait", semaphore_try_wait), FUNCTION("wait", semaphore_wait),   FUNCTION("post", semaphore_post),
      FUNCTION("value", semaphore_value),      FUNCTION("start", semaphore_start), FUNCTION("taken", semaphore_taken),
      FUNCTION("stop", semaphore_stop),        FUNCTION("close", semaphore_close),
  };
  const napi_property_descriptor functions[] = {FUNCTION("semUnlink", semaphore_unlink)};
  napi_value class;
  return DEFINE_FUNCTIONS(env, exports, functions) &&
         napi_define_class(env, "NamedSemaphore", NAPI_AUTO_LENGTH, semaphore_construct, NULL,
                           sizeof methods / sizeof methods[0], methods, &class) == napi_ok &&
         napi_set_named_property(env, exports, "NamedSemaphore", class) == napi_ok;
}
