/** The C half of interop.test.ts: takes three messages, and sends each back reversed, with its priority or type. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>

struct message {
  long type;
  char bytes[8192];
};

static void reverse(char *bytes, ssize_t length) {
  for (ssize_t i = 0; i < length / 2; i++) {
    char first = bytes[i];
    bytes[i] = bytes[length - 1 - i];
    bytes[length - 1 - i] = first;
  }
}

int main(int count, char **argument) {
  static struct message message;
  if (count == 4 && strcmp(argument[1], "posix") == 0) {
    mqd_t there = mq_open(argument[2], O_RDONLY), back = mq_open(argument[3], O_WRONLY);
    if (there < 0 || back < 0) return 2;
    for (int i = 0; i < 3; i++) {
      unsigned priority;
      ssize_t length = mq_receive(there, message.bytes, sizeof message.bytes, &priority);
      if (length < 0) return 3;
      reverse(message.bytes, length);
      if (mq_send(back, message.bytes, (size_t)length, priority) < 0) return 4;
    }
    return 0;
  }
  if (count == 5 && strcmp(argument[1], "sysv") == 0) {
    int queue = msgget((key_t)atol(argument[2]), 0);
    if (queue < 0) return 2;
    for (int i = 0; i < 3; i++) {
      ssize_t length = msgrcv(queue, &message, sizeof message.bytes, atol(argument[3]), 0);
      if (length < 0) return 3;
      reverse(message.bytes, length);
      message.type = atol(argument[4]);
      if (msgsnd(queue, &message, (size_t)length, 0) < 0) return 4;
    }
    return 0;
  }
  return 1;
}
