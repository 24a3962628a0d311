/*
 * The physics below everything else: how long a cache line takes from one core to the other (c2clat).
 *
 * The two processes hand one word back and forth. A sample is the mean of ROUNDS hand-overs there and back,
 * halved: the time of one way, with the clock's own cost spread thin.
 */
#include "floor.h"

#define ROUNDS 100u

struct line {
  _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t turn;
  uint8_t rest[CACHE_LINE_BYTES - sizeof(uint64_t)];
};
static struct line *line;

static const char *open_line(const struct plan *plan) {
  if (plan->pinned && plan->cpus[LEADER] == plan->cpus[FOLLOWER]) return "there is no way between a core and itself";
  line = shared_memory(sizeof *line);
  return NULL;
}

/*
 * Waits without a pause instruction, whose own length would be what is measured. It yields after very long, for when
 * the two are not pinned and happen to share a core.
 */
INLINE void await(uint64_t turn) {
  for (unsigned polls = 0; atomic_load_explicit(&line->turn, memory_order_acquire) != turn;)
    if (++polls >= spin_limit) {
      polls = 0;
      sched_yield();
    }
}

static void run(enum role role, const struct plan *plan, struct board *board) {
  const uint64_t samples = plan->warm_up + plan->messages;
  uint64_t turn = 0;
  meet(board);
  for (uint64_t i = 0; i < samples; i++) {
    const uint64_t before_ns = now_ns();
    if (i == plan->warm_up && role == LEADER) board->start_ns = before_ns;
    for (unsigned round = 0; round < ROUNDS; round++, turn += 2) {
      if (role == LEADER) {
        atomic_store_explicit(&line->turn, turn + 1, memory_order_release);
        await(turn + 2);
      } else {
        await(turn + 1);
        atomic_store_explicit(&line->turn, turn + 2, memory_order_release);
      }
    }
    if (i >= plan->warm_up && role == LEADER)
      board->latency_ns[i - plan->warm_up] = (now_ns() - before_ns) / (2 * ROUNDS);
  }
  if (role == FOLLOWER) return;
  board->end_ns = now_ns();
  board->checked = plan->messages;
}

const struct subject cache_line = {.name = "cache.line", .scenarios = CORE_TO_CORE, .open = open_line, .run = run};
