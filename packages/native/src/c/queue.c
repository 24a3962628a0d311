/** POSIX message queues: mq_overview(7). On Linux a queue descriptor is an fd. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>

#include "addon.h"
#include "args.h"

/** One below the kernel's MQ_PRIO_MAX. */
#define PRIORITY_MAX 32767

static napi_value queue_open(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  struct text name;
  int flags, mode;
  if (!argument_text(env, argument[0], "name", "mq_open", &name) ||
      !argument_int(env, argument[1], "flags", 0, INT_MAX, &flags) ||
      !argument_int(env, argument[2], "mode", 0, 07777, &mode))
    return NULL;
  flags |= O_NONBLOCK | O_CLOEXEC;
  if (argument_is_undefined(env, argument[3]) && argument_is_undefined(env, argument[4]))
    return js_descriptor(env, mq_open(name.chars, flags, mode, NULL), "mq_open", name.chars);

  int64_t messages, bytes;
  if (!argument_integer(env, argument[3], "maxMessages", 1, INT_MAX, &messages) ||
      !argument_integer(env, argument[4], "messageBytes", 1, INT_MAX, &bytes))
    return NULL;
  struct mq_attr attributes = {.mq_maxmsg = messages, .mq_msgsize = bytes};
  return js_descriptor(env, mq_open(name.chars, flags, mode, &attributes), "mq_open", name.chars);
}

static napi_value queue_send(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd, priority, result;
  struct bytes source;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &source) ||
      !argument_int(env, argument[4], "priority", 0, PRIORITY_MAX, &priority))
    return NULL;
  do
    result = mq_send(fd, (const char *)source.data, source.length, (unsigned)priority);
  while (result < 0 && errno == EINTR);
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN ? js_boolean(env, false) : throw_errno(env, "mq_send", NULL);
}

static napi_value queue_receive(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd;
  struct bytes target;
  struct view priority;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &target) ||
      !argument_view(env, argument[4], "priority", napi_uint32_array, &priority))
    return NULL;
  if (priority.length == 0) return throw_range_error(env, "priority: expected at least one element");
  ssize_t count;
  unsigned received;
  do
    count = mq_receive(fd, (char *)target.data, target.length, &received);
  while (count < 0 && errno == EINTR);
  if (count < 0) return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, "mq_receive", NULL);
  *(uint32_t *)priority.data = received;
  return js_int(env, (int32_t)count);
}

static napi_value queue_attributes(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd;
  struct mq_attr attributes;
  napi_value result;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  if (mq_getattr(fd, &attributes) < 0) return throw_errno(env, "mq_getattr", NULL);
  if (napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "maxMessages", js_number(env, (double)attributes.mq_maxmsg)) != napi_ok ||
      napi_set_named_property(env, result, "messageBytes", js_number(env, (double)attributes.mq_msgsize)) != napi_ok ||
      napi_set_named_property(env, result, "currentMessages", js_number(env, (double)attributes.mq_curmsgs)) != napi_ok)
    return throw_runtime_error(env, "mq_getattr");
  return result;
}

static napi_value queue_unlink(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct text name;
  if (!argument_text(env, argument[0], "name", "mq_unlink", &name)) return NULL;
  return mq_unlink(name.chars) < 0 ? throw_errno(env, "mq_unlink", name.chars) : js_undefined(env);
}

bool queue_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("mqOpen", queue_open),
      FUNCTION("mqSend", queue_send),
      FUNCTION("mqReceive", queue_receive),
      FUNCTION("mqAttributes", queue_attributes),
      FUNCTION("mqUnlink", queue_unlink),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
