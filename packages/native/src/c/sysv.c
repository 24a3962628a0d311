/**
 * System V message queues: sysvipc(7), msgop(2).
 *
 * Such a queue has no fd, so nothing can poll it. A Waiter is a thread of its own (none of libuv's pool) that blocks in
 * msgrcv and makes an eventfd readable. It takes no message: it asks for one of 0 bytes at most, and the kernel
 * answers E2BIG and leaves a longer one where it is. Only an empty message fits and is taken; its type is kept.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>
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

static napi_value message_get(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int key, flags;
  if (!argument_int(env, argument[0], "key", INT32_MIN, INT32_MAX, &key) ||
      !argument_int(env, argument[1], "flags", 0, INT_MAX, &flags))
    return NULL;
  int id = msgget(key, flags);
  return id < 0 ? throw_errno(env, "msgget", NULL) : js_int(env, id);
}

/** msgop wants the type in front of the bytes: they travel through this, one per thread. */
static _Thread_local struct {
  struct msgbuf *message;
  size_t capacity;
} staging;

static struct msgbuf *stage(size_t length) {
  if (staging.capacity < length) {
    struct msgbuf *grown = realloc(staging.message, sizeof(long) + length);
    if (!grown) return NULL;
    staging.message = grown;
    staging.capacity = length;
  }
  return staging.message;
}

/** Not by the C library's functions: they are points where a thread can be cancelled, which costs as much as copying the message. */
static int msgsnd_now(int id, const struct msgbuf *message, size_t length) {
  return (int)syscall(SYS_msgsnd, id, message, length, IPC_NOWAIT);
}

static ssize_t msgrcv_now(int id, struct msgbuf *message, size_t length, long wanted) {
  return syscall(SYS_msgrcv, id, message, length, wanted, IPC_NOWAIT);
}

static napi_value message_send(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int id, result;
  int64_t type;
  struct bytes source;
  if (!argument_int(env, argument[0], "id", 0, INT_MAX, &id) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &source) ||
      !argument_integer(env, argument[4], "type", 1, SAFE_INTEGER_MAX, &type))
    return NULL;
  struct msgbuf *message = stage(source.length + 1);
  if (!message) return throw_error_number(env, ENOMEM, "msgsnd", NULL);
  message->mtype = (long)type;
  memcpy(message->mtext, source.data, source.length);
  do
    result = msgsnd_now(id, message, source.length);
  while (result < 0 && errno == EINTR);
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN ? js_boolean(env, false) : throw_errno(env, "msgsnd", NULL);
}

static napi_value message_receive(napi_env env, napi_callback_info info) {
  ARGUMENTS(6);
  int id;
  int64_t wanted;
  struct bytes target;
  struct view type;
  if (!argument_int(env, argument[0], "id", 0, INT_MAX, &id) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &target) ||
      !argument_integer(env, argument[4], "wanted", -SAFE_INTEGER_MAX, SAFE_INTEGER_MAX, &wanted) ||
      !argument_view(env, argument[5], "type", napi_float64_array, &type))
    return NULL;
  if (type.length == 0) return throw_range_error(env, "type: expected at least one element");
  struct msgbuf *message = stage(target.length + 1);
  if (!message) return throw_error_number(env, ENOMEM, "msgrcv", NULL);
  ssize_t count;
  do
    count = msgrcv_now(id, message, target.length, (long)wanted);
  while (count < 0 && errno == EINTR);
  if (count < 0) return errno == ENOMSG ? js_int(env, -1) : throw_errno(env, "msgrcv", NULL);
  memcpy(target.data, message->mtext, (size_t)count);
  *(double *)type.data = (double)message->mtype;
  return js_int(env, (int32_t)count);
}

/**
 * A queue's end with memory of its own that JavaScript sees, so that no call has to say where a message is. Its owners are two
 * functions and an ArrayBuffer, which go in any order; the memory stays where it is even when the ArrayBuffer is detached.
 */
struct box {
  int id;
  int owners;
  long wanted;
  size_t capacity;
  struct msgbuf *message;
};

static void release_box(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  struct box *box = hint;
  if (--box->owners > 0) return;
  free(box->message);
  free(box);
}

static napi_value box_send(napi_env env, napi_callback_info info) {
  napi_value argument[1];
  size_t count = 1;
  struct box *box;
  int64_t length;
  if (napi_get_cb_info(env, info, &count, argument, NULL, (void **)&box) != napi_ok ||
      !argument_integer(env, argument[0], "length", 0, (int64_t)box->capacity, &length))
    return NULL;
  int result;
  do
    result = msgsnd_now(box->id, box->message, (size_t)length);
  while (result < 0 && errno == EINTR);
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN ? js_boolean(env, false) : throw_errno(env, "msgsnd", NULL);
}

static napi_value box_receive(napi_env env, napi_callback_info info) {
  size_t none = 0;
  struct box *box;
  if (napi_get_cb_info(env, info, &none, NULL, NULL, (void **)&box) != napi_ok) return NULL;
  ssize_t count;
  do
    count = msgrcv_now(box->id, box->message, box->capacity, box->wanted);
  while (count < 0 && errno == EINTR);
  if (count < 0) return errno == ENOMSG ? js_int(env, -1) : throw_errno(env, "msgrcv", NULL);
  return js_int(env, (int32_t)count);
}

static bool box_function(napi_env env, struct box *box, const char *name, napi_callback call, napi_value *result) {
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, box, result) != napi_ok) return false;
  box->owners++;
  if (napi_add_finalizer(env, *result, NULL, release_box, box, NULL) == napi_ok) return true;
  box->owners--;
  return false;
}

static napi_value message_box(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int id;
  int64_t bytes, wanted;
  if (!argument_int(env, argument[0], "id", 0, INT_MAX, &id) ||
      !argument_integer(env, argument[1], "bytes", 0, INT_MAX - 16, &bytes) ||
      !argument_integer(env, argument[2], "wanted", -SAFE_INTEGER_MAX, SAFE_INTEGER_MAX, &wanted))
    return NULL;
  struct box *box = calloc(1, sizeof *box);
  struct msgbuf *message = calloc(1, sizeof(long) + (size_t)bytes + 1);
  if (!box || !message) {
    free(box);
    free(message);
    return throw_error_number(env, ENOMEM, "msgget", NULL);
  }
  *box = (struct box){.id = id, .owners = 2, .wanted = (long)wanted, .capacity = (size_t)bytes, .message = message};
  napi_value memory, send, receive, result;
  const napi_status status =
      napi_create_external_arraybuffer(env, message, sizeof(long) + (size_t)bytes, release_box, box, &memory);
  if (status == napi_no_external_buffers_allowed) box->owners--;  // else it is one of them, even where it fails
  const bool made = status == napi_ok && box_function(env, box, "send", box_send, &send) &&
                    box_function(env, box, "receive", box_receive, &receive) &&
                    napi_create_object(env, &result) == napi_ok &&
                    napi_set_named_property(env, result, "memory", memory) == napi_ok &&
                    napi_set_named_property(env, result, "send", send) == napi_ok &&
                    napi_set_named_property(env, result, "receive", receive) == napi_ok;
  release_box(env, NULL, box);
  if (status == napi_no_external_buffers_allowed)
    return throw_unsupported(env, "this runtime was built without external buffers: a message box cannot have its memory");
  return made ? result : throw_runtime_error(env, "msgget");
}

static napi_value message_status(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int id;
  struct msqid_ds status;
  napi_value result;
  if (!argument_int(env, argument[0], "id", 0, INT_MAX, &id)) return NULL;
  if (msgctl(id, IPC_STAT, &status) < 0) return throw_errno(env, "msgctl", NULL);
  if (napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "messages", js_number(env, (double)status.msg_qnum)) != napi_ok ||
      napi_set_named_property(env, result, "bytes", js_number(env, (double)status.__msg_cbytes)) != napi_ok ||
      napi_set_named_property(env, result, "maxBytes", js_number(env, (double)status.msg_qbytes)) != napi_ok)
    return throw_runtime_error(env, "msgctl");
  return result;
}

static napi_value message_remove(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int id;
  if (!argument_int(env, argument[0], "id", 0, INT_MAX, &id)) return NULL;
  return msgctl(id, IPC_RMID, NULL) < 0 ? throw_errno(env, "msgctl", NULL) : js_undefined(env);
}

bool sysv_init(napi_env env, napi_value exports) {
  const napi_property_descriptor methods[] = {
      FUNCTION("wait", waiter_wait),
      FUNCTION("taken", waiter_taken),
      FUNCTION("close", waiter_close),
  };
  const napi_property_descriptor functions[] = {
      FUNCTION("msgGet", message_get),         FUNCTION("msgSend", message_send),
      FUNCTION("msgReceive", message_receive), FUNCTION("msgStatus", message_status),
      FUNCTION("msgRemove", message_remove),   FUNCTION("messageBox", message_box),
  };
  napi_value class;
  return DEFINE_FUNCTIONS(env, exports, functions) &&
         napi_define_class(env, "MessageWaiter", NAPI_AUTO_LENGTH, waiter_construct, NULL,
                           sizeof methods / sizeof methods[0], methods, &class) == napi_ok &&
         napi_set_named_property(env, exports, "MessageWaiter", class) == napi_ok;
}
