/** Messages through unix sockets, one by one with descriptors (SCM_RIGHTS), or many at a time. SIGPIPE is never raised. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "addon.h"
#include "args.h"
#include "retry.h"

/** The kernel's SCM_MAX_FD. */
#define DESCRIPTORS_MAX 253

/** Messages of one sendmmsg or recvmmsg. */
#define MESSAGES_MAX 64

/** Room for one SCM_RIGHTS message. */
union control {
  char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
  struct cmsghdr align;
};

/** Puts an array of fds into the control part of `message`. */
static bool attach_descriptors(napi_env env, napi_value value, struct msghdr *message, union control *control) {
  uint32_t count;
  int fds[DESCRIPTORS_MAX];
  if (!argument_array(env, value, "fds", DESCRIPTORS_MAX, &count)) return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    if (napi_get_element(env, value, i, &element) != napi_ok) {
      throw_runtime_error(env, "sendmsg");
      return false;
    }
    if (!argument_fd(env, element, "fds", &fds[i])) return false;
  }
  if (count == 0) return true;
  memset(control, 0, sizeof *control);
  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE(count * sizeof(int));
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(header), fds, count * sizeof(int));
  return true;
}

static napi_value send_message(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd;
  struct bytes source;
  struct msghdr message = {0};
  union control control;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  // Before the bytes: reading the array may run a getter that detaches them.
  if (argument_count > 4 && !argument_is_undefined(env, argument[4]) &&
      !attach_descriptors(env, argument[4], &message, &control))
    return NULL;
  if (!argument_bytes(env, argument[1], argument[2], argument[3], &source)) return NULL;
  ssize_t count;
  if (message.msg_controllen == 0) {
    RETRY(count, send(fd, source.data, source.length, MSG_NOSIGNAL | MSG_DONTWAIT));
  } else {
    struct iovec vector = {source.data, source.length};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    RETRY(count, sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
  }
  if (count >= 0) return js_int(env, (int32_t)count);
  return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, "sendmsg", NULL);
}

/**
 * Returns the bytes; what else the message brought goes into `extra`: [0] 1 when something was cut off,
 * [1] the number of fds, [2...] the fds. Building an object here would cost more than the system call.
 */
static napi_value receive_message(napi_env env, napi_callback_info info) {
  ARGUMENTS(6);
  int fd, maximum;
  struct bytes target;
  struct view extra;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_bytes(env, argument[1], argument[2], argument[3], &target) ||
      !argument_int(env, argument[4], "maxFds", 0, DESCRIPTORS_MAX, &maximum) ||
      !argument_view(env, argument[5], "extra", napi_int32_array, &extra))
    return NULL;
  if (extra.length < 2 + (size_t)maximum) return throw_range_error(env, "extra: expected %d elements", 2 + maximum);
  int32_t *results = extra.data;

  struct iovec vector = {target.data, target.length};
  union control control;
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (maximum > 0) {
    message.msg_control = &control;
    // CMSG_SPACE would round up and admit one fd more than asked for.
    message.msg_controllen = CMSG_LEN((size_t)maximum * sizeof(int));
  }
  ssize_t count;
  RETRY(count, recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  results[0] = results[1] = 0;
  if (count < 0) return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, "recvmsg", NULL);

  results[0] = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  for (struct cmsghdr *header = maximum > 0 ? CMSG_FIRSTHDR(&message) : NULL; header;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(results + 2 + results[1], CMSG_DATA(header), received * sizeof(int));
    results[1] += (int32_t)received;
  }
  return js_int(env, (int32_t)count);
}

/** Message i is `source[ends[i - 1], ends[i])`, the first starts at 0; those in [from, to) are sent. */
static napi_value send_messages(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd, from, to;
  struct view source, ends;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_view(env, argument[1], "source", napi_uint8_array, &source) ||
      !argument_view(env, argument[2], "ends", napi_int32_array, &ends))
    return NULL;
  const int most = ends.length < INT_MAX ? (int)ends.length : INT_MAX;
  if (!argument_int(env, argument[4], "to", 0, most, &to) || !argument_int(env, argument[3], "from", 0, to, &from))
    return NULL;
  if (to - from > MESSAGES_MAX) to = from + MESSAGES_MAX;
  if (from == to) return js_int(env, 0);

  struct mmsghdr messages[MESSAGES_MAX];
  struct iovec vectors[MESSAGES_MAX];
  uint8_t nothing[1], *bytes = source.data ? source.data : nothing; // an empty array may have no address
  const int32_t *end = ends.data;
  int64_t start = from == 0 ? 0 : __atomic_load_n(&end[from - 1], __ATOMIC_RELAXED);
  for (int i = from; i < to; i++) {
    // Read once: the memory may be shared with another thread.
    const int64_t stop = __atomic_load_n(&end[i], __ATOMIC_RELAXED);
    if (start < 0 || stop < start || (size_t)stop > source.length)
      return throw_range_error(env, "ends: expected ascending offsets inside the %zu bytes", source.length);
    vectors[i - from] = (struct iovec){bytes + start, (size_t)(stop - start)};
    messages[i - from] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i - from], .msg_iovlen = 1}};
    start = stop;
  }
  int count;
  RETRY(count, sendmmsg(fd, messages, (unsigned)(to - from), MSG_NOSIGNAL | MSG_DONTWAIT));
  if (count >= 0) return js_int(env, count);
  return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, "sendmmsg", NULL);
}

/**
 * Message i goes to `target[i * slotBytes, (i + 1) * slotBytes)` and its length to `lengths[i]`, -1 if it was cut off.
 * With `front` there is one, which goes there as far as it fits.
 */
static napi_value receive_messages(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd, slot_bytes;
  struct view target, lengths, front;
  const bool has_front = argument_count > 4 && !argument_is_undefined(env, argument[4]);
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_view(env, argument[1], "target", napi_uint8_array, &target) ||
      !argument_int(env, argument[2], "slotBytes", 1, INT_MAX, &slot_bytes) ||
      !argument_view(env, argument[3], "lengths", napi_int32_array, &lengths) ||
      (has_front && !argument_view(env, argument[4], "front", napi_uint8_array, &front)))
    return NULL;
  size_t slots = target.length / (size_t)slot_bytes;
  if (slots > lengths.length) slots = lengths.length;
  const size_t most = has_front ? 1 : MESSAGES_MAX;
  if (slots > most) slots = most;
  if (slots == 0) return throw_range_error(env, "target: expected room for a message of %d bytes", slot_bytes);

  struct mmsghdr messages[MESSAGES_MAX];
  struct iovec vectors[1 + MESSAGES_MAX], *slot = &vectors[1];
  for (size_t i = 0; i < slots; i++) {
    slot[i] = (struct iovec){(uint8_t *)target.data + i * (size_t)slot_bytes, (size_t)slot_bytes};
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &slot[i], .msg_iovlen = 1}};
  }
  if (has_front) {
    vectors[0] = (struct iovec){front.data, front.length};
    messages[0] = (struct mmsghdr){.msg_hdr = {.msg_iov = vectors, .msg_iovlen = 2}};
  }
  int count;
  RETRY(count, recvmmsg(fd, messages, (unsigned)slots, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL));
  if (count < 0) return errno == EAGAIN ? js_int(env, -1) : throw_errno(env, "recvmmsg", NULL);
  int32_t *results = lengths.data;
  for (int i = 0; i < count; i++)
    results[i] = messages[i].msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -1 : (int32_t)messages[i].msg_len;
  return js_int(env, count);
}

bool socket_message_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("sendMessage", send_message),
      FUNCTION("receiveMessage", receive_message),
      FUNCTION("sendMessages", send_messages),
      FUNCTION("receiveMessages", receive_messages),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
