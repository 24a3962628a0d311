/** Ends of System V queues whose messages lie in memory that JavaScript sees. */
#include <stdlib.h>

#include "addon.h"
#include "args.h"
#include "message-call.h"
#include "retry.h"

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
  RETRY(result, msgsnd_now(box->id, box->message, (size_t)length));
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN ? js_boolean(env, false) : throw_errno(env, "msgsnd", NULL);
}

static napi_value box_receive(napi_env env, napi_callback_info info) {
  size_t none = 0;
  struct box *box;
  if (napi_get_cb_info(env, info, &none, NULL, NULL, (void **)&box) != napi_ok) return NULL;
  ssize_t count;
  RETRY(count, msgrcv_now(box->id, box->message, box->capacity, box->wanted));
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

bool message_box_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {FUNCTION("messageBox", message_box)};
  return DEFINE_FUNCTIONS(env, exports, functions);
}
