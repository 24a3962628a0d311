/*
 * Locks between processes: the robust mutex, pthread_mutexattr_setrobust(3); permits and a readers-writer lock that remember
 * their holders, of which the C library has none, as a robust mutex and a condition make them; the semaphore, sem_overview(7),
 * and the readers-writer lock, pthread_rwlock_init(3), which have no owner: when a holder dies, everybody is stuck.
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
    pthread_rwlock_t rw_lock;
  };
  pthread_cond_t given;
  uint32_t free_permits, held_permits[2], waiters;
  int32_t entries[2]; /* of each: -1 writes, n reads n times */
  _Alignas(CACHE_LINE_BYTES) uint64_t operations;
};
static struct guarded *guarded;

static bool init_robust_mutex(void) {
  pthread_mutexattr_t attributes;
  guarded = shared_memory(sizeof *guarded);
  return pthread_mutexattr_init(&attributes) == 0 &&
         pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
         pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
         pthread_mutex_init(&guarded->mutex, &attributes) == 0;
}

static const char *open_mutex(const struct plan *plan) {
  (void)plan;
  return init_robust_mutex() ? NULL : "this system has no robust mutexes between processes";
}

static const char *open_held(const struct plan *plan) {
  (void)plan;
  pthread_condattr_t attributes;
  if (!init_robust_mutex() || pthread_condattr_init(&attributes) != 0 ||
      pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) != 0 ||
      pthread_cond_init(&guarded->given, &attributes) != 0)
    return "this system has no robust mutexes and conditions between processes";
  guarded->free_permits = 1;
  return NULL;
}

static const char *open_rw_lock(const struct plan *plan) {
  (void)plan;
  pthread_rwlockattr_t attributes;
  guarded = shared_memory(sizeof *guarded);
  if (pthread_rwlockattr_init(&attributes) != 0 ||
      pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) != 0 ||
      pthread_rwlock_init(&guarded->rw_lock, &attributes) != 0)
    return "this system has no readers-writer locks between processes";
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

static enum role holder;

static void wait_inside(void) {
  guarded->waiters++;
  const int error = pthread_cond_wait(&guarded->given, &guarded->mutex);
  if (error != 0) fail("pthread_cond_wait: %s", strerror(error));
  guarded->waiters--;
}

static void acquire_permit(void) {
  acquire_mutex();
  while (guarded->free_permits == 0) wait_inside();
  guarded->free_permits--;
  guarded->held_permits[holder]++;
  release_mutex();
}

static void release_permit(void) {
  acquire_mutex();
  guarded->free_permits++;
  guarded->held_permits[holder]--;
  if (guarded->waiters > 0) pthread_cond_signal(&guarded->given);
  release_mutex();
}

static void acquire_entry(void) {
  acquire_mutex();
  while (guarded->entries[0] != 0 || guarded->entries[1] != 0) wait_inside();
  guarded->entries[holder] = -1;
  release_mutex();
}

static void release_entry(void) {
  acquire_mutex();
  guarded->entries[holder] = 0;
  if (guarded->waiters > 0) pthread_cond_broadcast(&guarded->given);
  release_mutex();
}

static void acquire_rw_lock(void) {
  const int error = pthread_rwlock_wrlock(&guarded->rw_lock);
  if (error != 0) fail("pthread_rwlock_wrlock: %s", strerror(error));
}

static void release_rw_lock(void) { pthread_rwlock_unlock(&guarded->rw_lock); }

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

/* Each by its own functions, so that none is called through a pointer. */
#define LOCK(symbol, id, lock, opened_by)                                                                   \
  static void run_##lock(enum role role, const struct plan *plan, struct board *board) {                    \
    holder = role;                                                                                          \
    if (plan->scenario == LOCK_UNCONTENDED) uncontended(role, plan, board, acquire_##lock, release_##lock); \
    else contended(plan, board, acquire_##lock, release_##lock);                                            \
  }                                                                                                         \
  const struct subject symbol = {                                                                           \
      .name = id, .scenarios = LOCK_UNCONTENDED | LOCK_CONTENDED, .open = opened_by, .run = run_##lock}

LOCK(sync_mutex, "sync.mutex", mutex, open_mutex);
LOCK(sync_semaphore, "sync.semaphore", permit, open_held);
LOCK(sync_rw_lock, "sync.rw-lock", entry, open_held);
LOCK(pthread_rw_lock, "pthread.rw-lock", rw_lock, open_rw_lock);
LOCK(sync_posix_semaphore, "sync.posix-semaphore", semaphore, open_semaphore);
