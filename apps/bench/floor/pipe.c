/* Pipes, pipe(7): anonymous, and named (FIFO, fifo(7)). Two of them make a way there and a way back. */
#include "stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stream streams_of[2]; /* by role */

static void connect_streams(const struct plan *plan, const int there[2], const int back[2]) {
  streams_of[LEADER] = stream_over(back[0], there[1], plan->message_bytes);
  streams_of[FOLLOWER] = stream_over(there[0], back[1], plan->message_bytes);
}

static const char *open_anonymous(const struct plan *plan) {
  int there[2], back[2];
  if (pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0) fail_call("pipe2");
  connect_streams(plan, there, back);
  return NULL;
}

/* Its name is gone again before this returns. */
static void open_fifo_pair(const char *path, int ends[2]) {
  if (mkfifo(path, 0600) != 0) fail_call("mkfifo");
  /* A reader that does not block lets the writer open without a second process. */
  ends[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ends[1] = ends[0] < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
  const int error = errno;
  unlink(path);
  errno = error;
  if (ends[1] < 0) fail_call("open");
  if (fcntl(ends[0], F_SETFL, 0) != 0) fail_call("fcntl");
}

static const char *open_fifo(const struct plan *plan) {
  const char *parent = getenv("TMPDIR");
  char folder[256], path[sizeof folder + 8];
  int there[2], back[2];
  if (snprintf(folder, sizeof folder, "%s/floor-XXXXXX", parent && *parent ? parent : "/tmp") >= (int)sizeof folder)
    fail("TMPDIR is longer than %zu bytes", sizeof folder);
  if (!mkdtemp(folder)) fail_call("mkdtemp");
  snprintf(path, sizeof path, "%s/fifo", folder);
  open_fifo_pair(path, there);
  open_fifo_pair(path, back);
  if (rmdir(folder) != 0) fail_call("rmdir");
  connect_streams(plan, there, back);
  return NULL;
}

static void run(enum role role, const struct plan *plan, struct board *board) {
  run_messages(role, plan, board, &streams_of[role], stream_send, stream_receive);
}

const struct subject pipe_anonymous = {
    .name = "pipe.anonymous", .scenarios = MESSAGES | CALLS, .open = open_anonymous, .run = run};

const struct subject pipe_fifo = {
    .name = "pipe.fifo", .scenarios = MESSAGES | CALLS, .open = open_fifo, .run = run};
