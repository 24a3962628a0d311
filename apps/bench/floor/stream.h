/* Frames over a byte stream: what pipe.c and the stream sockets of socket.c have in common. */
#ifndef STREAM_H
#define STREAM_H

#include "scenario.h"

struct stream {
  int read_fd;
  int write_fd;
  uint8_t *buffer;
  size_t capacity;
  size_t filled; /* bytes in the buffer */
  size_t parsed; /* of which the frames before this offset were handed out */
};

struct stream stream_over(int read_fd, int write_fd, size_t message_bytes);
/* One write per message: a u32 length in front of the payload, and both in one call. */
send_function stream_send;
/* Reads whatever there is, up to the buffer's size, when no whole frame is at hand. */
receive_function stream_receive;

#endif
