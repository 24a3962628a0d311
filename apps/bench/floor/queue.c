/* Message queues: POSIX, mq_overview(7), and System V, sysvipc(7). Two of them make a way there and a way back. */
#include "scenario.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <unistd.h>

struct queues {
  int send; /* a message queue descriptor, or a System V identifier */
  int receive;
  uint8_t *buffer; /* the payload received; what the System V calls put before it is in its headroom */
  size_t capacity;
};
static struct queues queues_of[2]; /* by role */

static void connect_queues(int there, int back, size_t capacity) {
  queues_of[LEADER] = (struct queues){there, back, allocate_message(capacity), capacity};
  queues_of[FOLLOWER] = (struct queues){back, there, allocate_message(capacity), capacity};
}

/* ---- POSIX ---- */

enum { POSIX_MESSAGES = 10, POSIX_MESSAGE_BYTES = 8192 }; /* what a queue gets when nothing is asked for */

static mqd_t open_posix_queue(const char *direction) {
  struct mq_attr attributes = {.mq_maxmsg = POSIX_MESSAGES, .mq_msgsize = POSIX_MESSAGE_BYTES};
  char name[64];
  snprintf(name, sizeof name, "/floor-%ld-%s", (long)getpid(), direction);
  const mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
  if (queue == (mqd_t)-1) return queue;
  mq_unlink(name);
  return queue;
}

static const char *open_posix(const struct plan *plan) {
  if (plan->message_bytes > POSIX_MESSAGE_BYTES)
    return unsupported("a message of %zu bytes is larger than a default queue takes (%d)", plan->message_bytes,
                       POSIX_MESSAGE_BYTES);
  const mqd_t there = open_posix_queue("there"), back = open_posix_queue("back");
  if (there == (mqd_t)-1 || back == (mqd_t)-1) {
    if (errno == ENOSYS) return "this kernel has no POSIX message queues";
    if (errno == EMFILE) return "mq_open: over RLIMIT_MSGQUEUE (see `ulimit -q`)";
    fail_call("mq_open");
  }
  connect_queues(there, back, POSIX_MESSAGE_BYTES);
  return NULL;
}

static void send_posix(void *link, uint8_t *payload, size_t bytes) {
  const struct queues *queues = link;
  while (mq_send(queues->send, (const char *)payload, bytes, 0) != 0)
    if (errno != EINTR) fail_call("mq_send");
}

static const uint8_t *receive_posix(void *link, size_t *bytes) {
  const struct queues *queues = link;
  for (;;) {
    const ssize_t got = mq_receive(queues->receive, (char *)queues->buffer, queues->capacity, NULL);
    if (got >= 0) {
      *bytes = (size_t)got;
      return queues->buffer;
    }
    if (errno != EINTR) fail_call("mq_receive");
  }
}

static void run_posix(enum role role, const struct plan *plan, struct board *board) {
  run_messages(role, plan, board, &queues_of[role], send_posix, receive_posix);
}

/* ---- System V ---- */

#define TYPE_BYTES sizeof(long)
static int *sysv_ids; /* two, in shared memory; -1 where there is none */

static void close_sysv(void) {
  for (int i = 0; i < 2; i++) {
    if (sysv_ids[i] != -1) msgctl(sysv_ids[i], IPC_RMID, NULL);
    sysv_ids[i] = -1;
  }
}

/*
 * A System V queue outlives its users, and cannot be removed while it is in use. So a process of its own, out of
 * reach of what is sent to our group, waits for the supervisor's end, whatever that end was, and removes it then. There is
 * no queue before it is out of reach, however late it gets a processor.
 */
static void guard_sysv(void) {
  const pid_t supervisor = getpid();
  int out_of_reach[2];
  if (pipe(out_of_reach) != 0) fail_call("pipe");
  const pid_t guard = fork();
  if (guard < 0) fail_call("fork");
  if (guard > 0) {
    char none;
    close(out_of_reach[1]);
    if (read(out_of_reach[0], &none, 1) < 0) fail_call("read");
    close(out_of_reach[0]);
    return;
  }
  sigset_t all;
  int signal;
  sigfillset(&all); /* `open` runs with all of them blocked */
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  close(out_of_reach[0]);
  close(out_of_reach[1]);
  while (getppid() == supervisor) sigwait(&all, &signal);
  close_sysv();
  _exit(0);
}

static const char *open_sysv(const struct plan *plan) {
  const long message_limit = system_limit("/proc/sys/kernel/msgmax", 8192);
  const long queue_limit = system_limit("/proc/sys/kernel/msgmnb", 16384);
  if (plan->message_bytes > (size_t)message_limit || plan->message_bytes > (size_t)queue_limit)
    return unsupported("a message of %zu bytes is larger than a queue takes (kernel.msgmax is %ld, kernel.msgmnb %ld)",
                       plan->message_bytes, message_limit, queue_limit);
  sysv_ids = shared_memory(2 * sizeof *sysv_ids);
  sysv_ids[0] = sysv_ids[1] = -1;
  guard_sysv();
  for (int i = 0; i < 2; i++) {
    sysv_ids[i] = msgget(IPC_PRIVATE, 0600);
    if (sysv_ids[i] != -1) continue;
    if (errno == ENOSYS) return "this kernel has no System V message queues";
    fail_call("msgget"); /* the guard removes the first */
  }
  connect_queues(sysv_ids[0], sysv_ids[1], plan->message_bytes);
  return NULL;
}

static void send_sysv(void *link, uint8_t *payload, size_t bytes) {
  const struct queues *queues = link;
  const long type = 1;
  memcpy(payload - TYPE_BYTES, &type, TYPE_BYTES);
  while (msgsnd(queues->send, payload - TYPE_BYTES, bytes, 0) != 0)
    if (errno != EINTR) fail_call("msgsnd");
}

static const uint8_t *receive_sysv(void *link, size_t *bytes) {
  const struct queues *queues = link;
  for (;;) {
    const ssize_t got = msgrcv(queues->receive, queues->buffer - TYPE_BYTES, queues->capacity, 0, 0);
    if (got >= 0) {
      *bytes = (size_t)got;
      return queues->buffer;
    }
    if (errno != EINTR) fail_call("msgrcv");
  }
}

static void run_sysv(enum role role, const struct plan *plan, struct board *board) {
  run_messages(role, plan, board, &queues_of[role], send_sysv, receive_sysv);
}

const struct subject mq_posix = {
    .name = "mq.posix", .scenarios = MESSAGES, .open = open_posix, .run = run_posix};

const struct subject mq_sysv = {.name = "mq.sysv",
                                .scenarios = MESSAGES | CALLS,
                                .open = open_sysv,
                                .run = run_sysv,
                                .close = close_sysv};
