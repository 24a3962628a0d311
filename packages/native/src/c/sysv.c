/** System V message queues, never waiting: sysvipc(7), msgop(2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "addon.h"
#include "args.h"
#include "message-call.h"
#include "retry.h"

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
  RETRY(result, msgsnd_now(id, message, source.length));
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
  RETRY(count, msgrcv_now(id, message, target.length, (long)wanted));
  if (count < 0) return errno == ENOMSG ? js_int(env, -1) : throw_errno(env, "msgrcv", NULL);
  memcpy(target.data, message->mtext, (size_t)count);
  *(double *)type.data = (double)message->mtype;
  return js_int(env, (int32_t)count);
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
  const napi_property_descriptor functions[] = {
      FUNCTION("msgGet", message_get),         FUNCTION("msgSend", message_send),
      FUNCTION("msgReceive", message_receive), FUNCTION("msgStatus", message_status),
      FUNCTION("msgRemove", message_remove),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
