#pragma once

#include <sys/msg.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Not by the C library's functions: they are points where a thread can be cancelled, which costs as much as copying the message. */
static inline int msgsnd_now(int id, const struct msgbuf *message, size_t length) {
  return (int)syscall(SYS_msgsnd, id, message, length, IPC_NOWAIT);
}

static inline ssize_t msgrcv_now(int id, struct msgbuf *message, size_t length, long wanted) {
  return syscall(SYS_msgrcv, id, message, length, wanted, IPC_NOWAIT);
}
