/*
 * Structures in shared memory: a counter, and the latest value of 64 bytes behind a sequence lock.
 *
 * The sequence is odd while the value is written. A reader copies it between two equal, even looks at the sequence;
 * the words of the value are atomic and relaxed, as the copy may race. Source: H. Boehm, Can Seqlocks Get Along With
 * Programming Language Memory Models? (2012).
 */
#include "floor.h"

#define VALUE_WORDS 8

struct structure {
  _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t counter;
  _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t sequence;
  _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t value[VALUE_WORDS];
  _Alignas(CACHE_LINE_BYTES) _Atomic bool done;
};
static struct structure *shared;

static const char *open_structure(const struct plan *plan) {
  (void)plan;
  shared = shared_memory(sizeof *shared);
  return NULL;
}

INLINE void count(void) { atomic_fetch_add(&shared->counter, 1); }

INLINE void publish(void) {
  const uint64_t sequence = atomic_load_explicit(&shared->sequence, memory_order_relaxed);
  atomic_store_explicit(&shared->sequence, sequence + 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  for (int i = 0; i < VALUE_WORDS; i++) atomic_store_explicit(&shared->value[i], sequence, memory_order_relaxed);
  atomic_store_explicit(&shared->sequence, sequence + 2, memory_order_release);
}

INLINE void read_latest(void) {
  uint64_t copy[VALUE_WORDS], before, after;
  do {
    before = atomic_load_explicit(&shared->sequence, memory_order_acquire);
    for (int i = 0; i < VALUE_WORDS; i++) copy[i] = atomic_load_explicit(&shared->value[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    after = atomic_load_explicit(&shared->sequence, memory_order_relaxed);
  } while (before != after || before & 1);
  if (copy[0] != copy[VALUE_WORDS - 1]) fail("a value was torn");
}

/* The leader operates so often; the follower does the same for as long, if both are to. */
INLINE void operate(enum role role, const struct plan *plan, struct board *board, void (*operation)(void)) {
  meet(board);
  if (role == FOLLOWER) {
    while (plan->scenario == OPERATIONS_TOGETHER && !atomic_load_explicit(&shared->done, memory_order_relaxed))
      operation();
    return;
  }
  for (uint64_t i = 0; i < plan->warm_up; i++) operation();
  board->start_ns = now_ns();
  for (uint64_t i = 0; i < plan->messages; i++) operation();
  board->end_ns = now_ns();
  atomic_store(&shared->done, true);
  board->checked = plan->messages;
}

/* Alone only: a writer that never rests keeps a reader of one sequence lock from ever finishing. */
static void run_latest(enum role role, const struct plan *plan, struct board *board) {
  if (role == LEADER) publish();
  operate(role, plan, board, read_latest);
}

static void run_counter(enum role role, const struct plan *plan, struct board *board) {
  operate(role, plan, board, count);
  if (role == LEADER && atomic_load(&shared->counter) < plan->warm_up + plan->messages) fail("counts were lost");
}

const struct subject shm_latest = {
    .name = "shm.latest", .scenarios = OPERATIONS_ALONE, .open = open_structure, .run = run_latest};

const struct subject shm_counter = {.name = "shm.counter",
                                    .scenarios = OPERATIONS_ALONE | OPERATIONS_TOGETHER,
                                    .open = open_structure,
                                    .run = run_counter};
