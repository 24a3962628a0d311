#include "stream.h"

#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES (64u * 1024)
#define PREFIX_BYTES sizeof(uint32_t)

struct stream stream_over(int read_fd, int write_fd, size_t message_bytes) {
  const size_t frame = PREFIX_BYTES + message_bytes;
  const size_t capacity = frame > READ_BYTES ? frame : READ_BYTES;
  uint8_t *buffer = malloc(capacity);
  if (!buffer) fail_call("malloc");
  memset(buffer, 0, capacity);
  return (struct stream){.read_fd = read_fd, .write_fd = write_fd, .buffer = buffer, .capacity = capacity};
}

void stream_send(void *link, uint8_t *payload, size_t bytes) {
  const struct stream *stream = link;
  const uint32_t prefix = (uint32_t)bytes;
  uint8_t *at = payload - PREFIX_BYTES;
  size_t left = PREFIX_BYTES + bytes;
  memcpy(at, &prefix, PREFIX_BYTES);
  while (left > 0) {
    const ssize_t written = write(stream->write_fd, at, left);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_call("write");
    }
    at += written;
    left -= (size_t)written;
  }
}

const uint8_t *stream_receive(void *link, size_t *bytes) {
  struct stream *stream = link;
  for (;;) {
    const size_t at_hand = stream->filled - stream->parsed;
    uint8_t *frame = stream->buffer + stream->parsed;
    if (at_hand >= PREFIX_BYTES) {
      uint32_t length;
      memcpy(&length, frame, PREFIX_BYTES);
      if (PREFIX_BYTES + length > stream->capacity) fail("a frame of %u bytes is larger than the buffer", length);
      if (at_hand >= PREFIX_BYTES + length) {
        stream->parsed += PREFIX_BYTES + length;
        *bytes = length;
        return frame + PREFIX_BYTES;
      }
    }
    if (stream->parsed > 0) {
      memmove(stream->buffer, frame, at_hand);
      stream->filled = at_hand;
      stream->parsed = 0;
    }
    const ssize_t got = read(stream->read_fd, stream->buffer + stream->filled, stream->capacity - stream->filled);
    if (got == 0) fail("the other process closed the stream");
    if (got < 0 && errno != EINTR) fail_call("read");
    if (got > 0) stream->filled += (size_t)got;
  }
}
