/** POSIX message queues: mq_overview(7). On Linux a queue descriptor is an fd. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "retry.h"

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

/**
 * Not by the C library's functions: those are points where a thread can be cancelled, and saying so costs as much as copying a small
 * message. No time-out, so whoever may not wait gets EAGAIN, as the descriptor does not block.
 */
static int send_now(int fd, const void *data, size_t length, unsigned priority) {
  return (int)syscall(SYS_mq_timedsend, fd, data, length, priority, NULL);
}

static ssize_t receive_now(int fd, void *data, size_t length, unsigned *priority) {
  return syscall(SYS_mq_timedreceive, fd, data, length, priority, NULL);
}

static napi_value queue_send(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd, priority, result;
  struct bytes source;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &source) ||
      !argument_int(env, argument[4], "priority", 0, PRIORITY_MAX, &priority))
    return NULL;
  RETRY(result, send_now(fd, source.data, source.length, (unsigned)priority));
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN ? js_boolean(env, false) : throw_errno(env, "mq_send", NULL);
}

/** One number holds both, exactly, as priorities have 15 bits: an array for the priority would have to be looked into at each call. */
static napi_value queue_receive(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  int fd;
  struct bytes target;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &target))
    return NULL;
  ssize_t count;
  unsigned priority;
  RETRY(count, receive_now(fd, target.data, target.length, &priority));
  if (count < 0) return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, "mq_receive", NULL);
  return priority == 0 ? js_int(env, (int32_t)count) : js_number(env, (double)priority * 0x1p32 + (double)count);
}

/** Where the next of several messages begins: views of any element type may lie on it. */
static size_t next_start(size_t end) { return (end + 7) & ~(size_t)7; }

static napi_value queue_send_many(napi_env env, napi_callback_info info) {
  ARGUMENTS(6);
  int fd, priority;
  struct view source, lengths;
  int64_t from, count;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_view(env, argument[1], "source", napi_uint8_array, &source) ||
      !argument_view(env, argument[2], "lengths", napi_uint32_array, &lengths) ||
      !argument_integer(env, argument[3], "offset", 0, (int64_t)source.length, &from) ||
      !argument_integer(env, argument[4], "count", 0, (int64_t)lengths.length, &count) ||
      !argument_int(env, argument[5], "priority", 0, PRIORITY_MAX, &priority))
    return NULL;
  size_t offset = (size_t)from;
  int64_t sent = 0;
  while (sent < count) {
    uint32_t length = ((volatile uint32_t *)lengths.data)[sent];
    if (offset > source.length || length > source.length - offset) {
      if (sent == 0) return throw_range_error(env, "lengths: the message reaches over the end of the source");
      break;
    }
    if (send_now(fd, (const uint8_t *)source.data + offset, length, (unsigned)priority) < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || sent > 0) break;
      return throw_errno(env, "mq_send", NULL);
    }
    sent++;
    offset = next_start(offset + length);
  }
  return js_int(env, (int32_t)sent);
}

static napi_value queue_receive_many(napi_env env, napi_callback_info info) {
  ARGUMENTS(6);
  int fd;
  struct view target, lengths, priorities;
  int64_t from, message_bytes;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_view(env, argument[1], "target", napi_uint8_array, &target) ||
      !argument_integer(env, argument[2], "offset", 0, (int64_t)target.length, &from) ||
      !argument_integer(env, argument[3], "messageBytes", 1, INT_MAX, &message_bytes) ||
      !argument_view(env, argument[4], "lengths", napi_uint32_array, &lengths) ||
      !argument_view(env, argument[5], "priorities", napi_uint32_array, &priorities))
    return NULL;
  size_t offset = (size_t)from, count = 0;
  while (count < lengths.length && count < priorities.length && offset <= target.length &&
         (size_t)message_bytes <= target.length - offset) {
    unsigned priority;
    ssize_t length = receive_now(fd, (uint8_t *)target.data + offset, (size_t)message_bytes, &priority);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || count > 0) break;
      return throw_errno(env, "mq_receive", NULL);
    }
    ((uint32_t *)lengths.data)[count] = (uint32_t)length;
    ((uint32_t *)priorities.data)[count] = priority;
    count++;
    offset = next_start(offset + (size_t)length);
  }
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
      FUNCTION("mqSendMany", queue_send_many),
      FUNCTION("mqReceiveMany", queue_receive_many),
      FUNCTION("mqAttributes", queue_attributes),
      FUNCTION("mqUnlink", queue_unlink),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
