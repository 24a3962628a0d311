/*
 * The measuring loops, written once and inlined into each subject with its own `send` and `receive`,
 * so that the ring does not pay for an indirect call per message.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "floor.h"

/* Sends one message. `payload` has HEADROOM bytes before it that `send` may overwrite. */
typedef void send_function(void *link, uint8_t *payload, size_t bytes);
/* Waits for one message. The result is valid until the next call. */
typedef const uint8_t *receive_function(void *link, size_t *bytes);

/*
 * The follower holds the stopwatch: from the last message of the warm-up to the last message of all, as they
 * arrive. So the figure is what was delivered, and neither end of the run counts twice.
 */
INLINE void throughput(enum role role, const struct plan *plan, struct board *board, void *link,
                       send_function *send, receive_function *receive) {
  const size_t bytes = plan->message_bytes;
  const uint64_t warm_up = plan->warm_up, total = warm_up + plan->messages;

  if (role == LEADER) {
    uint8_t *payload = allocate_message(bytes);
    meet(board);
    for (uint64_t i = 0; i < total; i++) {
      stamp(payload, bytes, i);
      send(link, payload, bytes);
    }
    return;
  }
  meet(board);
  uint64_t i = 0;
  for (; i < warm_up; i++) {
    size_t received;
    const uint8_t *payload = receive(link, &received);
    check(payload, received, bytes, i);
  }
  board->start_ns = now_ns();
  for (; i < total; i++) {
    size_t received;
    const uint8_t *payload = receive(link, &received);
    check(payload, received, bytes, i);
  }
  board->end_ns = now_ns();
  board->checked = total - warm_up;
}

/* One request in flight. Each answer has the size and the number of its request; both are checked. */
INLINE void round_trip(enum role role, const struct plan *plan, struct board *board, void *link,
                       send_function *send, receive_function *receive) {
  const size_t bytes = plan->message_bytes;
  const uint64_t warm_up = plan->warm_up, total = warm_up + plan->messages;
  uint8_t *payload = allocate_message(bytes);
  meet(board);

  if (role == FOLLOWER) {
    for (uint64_t i = 0; i < total; i++) {
      size_t received;
      const uint8_t *request = receive(link, &received);
      check(request, received, bytes, i);
      stamp(payload, bytes, i);
      send(link, payload, bytes);
    }
    return;
  }
  /* One reading of the clock per round: the end of one is the start of the next. */
  uint64_t before_ns = now_ns();
  for (uint64_t i = 0; i < total; i++) {
    size_t received;
    stamp(payload, bytes, i);
    send(link, payload, bytes);
    const uint8_t *answer = receive(link, &received);
    check(answer, received, bytes, i);
    const uint64_t after_ns = now_ns();
    if (i == warm_up) board->start_ns = before_ns;
    if (i >= warm_up) board->latency_ns[i - warm_up] = after_ns - before_ns;
    before_ns = after_ns;
  }
  board->end_ns = before_ns;
  board->checked = total - warm_up;
}

/* So many requests are in flight, but no more bytes than every buffer on the way holds: nobody may wait for room here. */
#define CALLERS 64u
#define MOST_BYTES_IN_FLIGHT 8192u

/* As many calls as there are callers are under way; each answer makes room for the next. */
INLINE void calls(enum role role, const struct plan *plan, struct board *board, void *link, send_function *send,
                  receive_function *receive) {
  const size_t bytes = plan->message_bytes;
  const uint64_t warm_up = plan->warm_up, total = warm_up + plan->messages;
  if (role == FOLLOWER) {
    round_trip(role, plan, board, link, send, receive); /* answers one after the other */
    return;
  }
  uint8_t *payload = allocate_message(bytes);
  uint64_t callers = MOST_BYTES_IN_FLIGHT / bytes, sent = 0;
  callers = callers < 1 ? 1 : callers > CALLERS ? CALLERS : callers;
  meet(board);
  board->start_ns = now_ns();
  for (uint64_t answered = 0; answered < total; answered++) {
    for (; sent < total && sent < answered + callers; sent++) {
      stamp(payload, bytes, sent);
      send(link, payload, bytes);
    }
    size_t received;
    const uint8_t *answer = receive(link, &received);
    check(answer, received, bytes, answered);
    if (answered + 1 == warm_up) board->start_ns = now_ns();
  }
  board->end_ns = now_ns();
  board->checked = total - warm_up;
}

#define REST_NS 2000000u /* long enough for the follower's processor to fall asleep */

/* One message, one way, after a rest: from the sender's clock to the receiver's, which are one. */
INLINE void wake_up(enum role role, const struct plan *plan, struct board *board, void *link, send_function *send,
                    receive_function *receive) {
  const size_t bytes = plan->message_bytes;
  const uint64_t warm_up = plan->warm_up, total = warm_up + plan->messages;
  const struct timespec rest = {.tv_nsec = REST_NS};
  uint8_t *payload = allocate_message(bytes);
  meet(board);
  if (role == FOLLOWER) {
    for (uint64_t i = 0; i < total; i++) {
      size_t received;
      const uint8_t *message = receive(link, &received);
      const uint64_t arrived_ns = now_ns();
      check(message, received, bytes, i);
      /* The sender has written its time there before it sent. */
      if (i >= warm_up) board->latency_ns[i - warm_up] = arrived_ns - board->latency_ns[i - warm_up];
    }
    board->checked = total - warm_up;
    return;
  }
  board->start_ns = now_ns();
  for (uint64_t i = 0; i < total; i++) {
    nanosleep(&rest, NULL);
    stamp(payload, bytes, i);
    if (i >= warm_up) board->latency_ns[i - warm_up] = now_ns();
    send(link, payload, bytes);
  }
  board->end_ns = now_ns();
}

/* What a subject that carries messages has to offer. */
INLINE void run_messages(enum role role, const struct plan *plan, struct board *board, void *link,
                         send_function *send, receive_function *receive) {
  switch (plan->scenario) {
  case THROUGHPUT: throughput(role, plan, board, link, send, receive); break;
  case CALLS: calls(role, plan, board, link, send, receive); break;
  case WAKE_UP: wake_up(role, plan, board, link, send, receive); break;
  default: round_trip(role, plan, board, link, send, receive);
  }
}

/* Beside throughput and round trips: `calls` where what is in flight fits into every queue on the way. */
#define MESSAGES (THROUGHPUT | ROUND_TRIP | WAKE_UP)

#endif
