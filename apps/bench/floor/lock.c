/*
 * Locks between processes: the robust mutex, pthread_mutexattr_setrobust(3), and the semaphore, sem_overview(7).
 *
 * What the lock guards is a counter that is not atomic, so a lock that lets two in loses operations and is found out.
 */
#include "floor.h"

#include <pthread.h>
#include <semaphore.h>

struct guarded {
  _Alignas(CACHE_LINE_BYTES) union {
    pthread_mutex_t mutex;
    sem_t semaphore;
  };
  _Alignas(CACHE_LINE_BYTES) uint64_t operations;
};
static struct guarded *guarded;

static const char *open_mutex(const struct plan *plan) {
  (void)plan;
  pthread_mutexattr_t attributes;
  guarded = shared_memory(sizeof *guarded);
  if (pthread_mutexattr_init(&attributes) != 0 ||
      pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) != 0 ||
      pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) != 0 ||
      pthread_mutex_init(&guarded->mutex, &attributes) != 0)
    return "this system has no robust mutexes between processes";
  return NULL;
}

static const char *open_semaphore(const struct plan *plan) {
  (void)plan;
  guarded = shared_memory(sizeof *guarded);
  if (sem_init(&guarded->semaphore, 1, 1) != 0) return "this system has no semaphores between processes";
  return NULL;
}

static void acquire_mutex(void) {
  const int error = pthread_mutex_lock(&guarded->mutex);
  if (error != 0) fail("pthread_mutex_lock: %s", strerror(error));
}

static void release_mutex(void) { pthread_mutex_unlock(&guarded->mutex); }

static void acquire_semaphore(void) {
  while (sem_wait(&guarded->semaphore) != 0)
    if (errno != EINTR) fail_call("sem_wait");
}

static void release_semaphore(void) { sem_post(&guarded->semaphore); }

INLINE void operate(uint64_t count, void (*acquire)(void), void (*release)(void)) {
  for (uint64_t i = 0; i < count; i++) {
    acquire();
    guarded->operations++;
    release();
  }
}

INLINE void uncontended(enum role role, const struct plan *plan, struct board *board, void (*acquire)(void),
                        void (*release)(void)) {
  meet(board);
  if (role == FOLLOWER) return;
  operate(plan->warm_up, acquire, release);
  board->start_ns = now_ns();
  operate(plan->messages, acquire, release);
  board->end_ns = now_ns();
  board->checked = guarded->operations - plan->warm_up;
}

/*
 * Both go on until the count is complete, so neither ever runs alone. Who reaches a mark reads the clock, which the
 * lock makes safe. An operation counts as checked when its own process remembers it too.
 */
INLINE void contended(const struct plan *plan, struct board *board, void (*acquire)(void), void (*release)(void)) {
  const uint64_t total = plan->warm_up + plan->messages;
  uint64_t own = 0;
  meet(board);
  for (bool done = false; !done;) {
    acquire();
    const uint64_t before = guarded->operations;
    if (before == plan->warm_up && board->start_ns == 0) board->start_ns = now_ns();
    if (before < total) {
      guarded->operations = before + 1;
      if (before >= plan->warm_up) own++;
      if (before + 1 == total) board->end_ns = now_ns();
    } else done = true;
    release();
  }
  atomic_fetch_add(&board->checked, own);
}

static void run_mutex(enum role role, const struct plan *plan, struct board *board) {
  if (plan->scenario == LOCK_UNCONTENDED) uncontended(role, plan, board, acquire_mutex, release_mutex);
  else contended(plan, board, acquire_mutex, release_mutex);
}

static void run_semaphore(enum role role, const struct plan *plan, struct board *board) {
  if (plan->scenario == LOCK_UNCONTENDED) uncontended(role, plan, board, acquire_semaphore, release_semaphore);
  else contended(plan, board, acquire_semaphore, release_semaphore);
}

const struct subject sync_mutex = {
    .name = "sync.mutex", .scenarios = LOCK_UNCONTENDED | LOCK_CONTENDED, .open = open_mutex, .run = run_mutex};

const struct subject sync_semaphore = {.name = "sync.semaphore",
                                       .scenarios = LOCK_UNCONTENDED | LOCK_CONTENDED,
                                       .open = open_semaphore,
                                       .run = run_semaphore};
