/*
 * The floor: what plain C reaches on this machine for the work our mechanisms do.
 *
 * A supervisor opens a subject (pipe, socket, queue, ring, lock), forks a leader and a follower that
 * inherit it, and prints their figures as one JSON line. Each subject is one file that fills in a
 * `struct subject`; the loops that measure are in scenario.h, once, and are inlined into each subject.
 */
#ifndef FLOOR_H
#define FLOOR_H

#define _GNU_SOURCE /* so this header comes first everywhere */

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define CACHE_LINE_BYTES 64
#define INLINE static inline __attribute__((always_inline))

/* The leader sends, asks or times; the follower receives, answers or competes. */
enum role { LEADER, FOLLOWER };

enum scenario {
  THROUGHPUT = 1 << 0,          /* one way, message by message */
  ROUND_TRIP = 1 << 1,          /* one request in flight; the kernel's mechanisms sleep, the ring spins */
  ROUND_TRIP_SLEEPING = 1 << 2, /* the same with a ring whose reader sleeps on a futex */
  LOCK_UNCONTENDED = 1 << 3,    /* the leader alone takes and gives the lock */
  LOCK_CONTENDED = 1 << 4,      /* both take and give it */
  CORE_TO_CORE = 1 << 5,        /* a cache line handed back and forth */
  CALLS = 1 << 6,               /* many requests in flight, each answered */
  WAKE_UP = 1 << 7,             /* one way, to a process that has been asleep */
  OPERATIONS_ALONE = 1 << 8,    /* the leader alone uses a structure */
  OPERATIONS_TOGETHER = 1 << 9, /* the follower does the same meanwhile */
  THROUGHPUT_BATCHED = 1 << 10, /* one way, many messages with a system call, or with a store of the ring's head */
};

struct plan {
  const char *subject;
  const char *scenario_name;
  enum scenario scenario;
  size_t message_bytes;
  uint64_t messages; /* measured messages, or operations of a lock */
  uint64_t warm_up;  /* messages before them: sent, checked, not measured */
  bool pinned;
  int cpus[2]; /* by role */
};

/* Where the two report to the supervisor: memory shared by all three. */
struct board {
  _Atomic uint32_t arrived; /* at the barrier */
  _Atomic uint64_t checked; /* messages found to be whole and in order, or operations found counted */
  uint64_t start_ns;
  uint64_t end_ns;
  uint64_t latency_ns[]; /* one per measured message of a latency scenario */
};

struct subject {
  const char *name;
  unsigned scenarios; /* the enum scenario values it has, or-ed */
  /* Before the fork. Returns the reason why this plan cannot run on this machine, or NULL. */
  const char *(*open)(const struct plan *);
  /* In each of the two processes, pinned. Returns when its part is done. */
  void (*run)(enum role, const struct plan *, struct board *);
  /* In the supervisor, however the run ended. NULL where the kernel needs no help. */
  void (*close)(void);
};

extern const struct subject pipe_anonymous, pipe_fifo, socket_unix, socket_seqpacket, socket_datagram, socket_tcp,
    mq_posix, mq_sysv, shm_ring, shm_latest, shm_counter, sync_mutex, sync_semaphore, sync_rw_lock, pthread_rw_lock,
    sync_posix_semaphore, cache_line;

/* ---- support.c: what every subject needs ---- */

/* Says why on stderr and ends the process with status 1. The supervisor then ends the other one. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a system call: adds what errno means. */
_Noreturn void fail_call(const char *call);
/* A reason for `open`, formatted into static memory. */
const char *unsupported(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An integer from a file under /proc/sys, or `fallback` where there is none. */
long system_limit(const char *path, long fallback);
/* Zeroed, page-aligned, already resident memory that a fork shares. Lives as long as the process. */
void *shared_memory(size_t bytes);
/* A payload of `bytes` with HEADROOM writable bytes before it, for a prefix that travels with it. */
#define HEADROOM CACHE_LINE_BYTES
uint8_t *allocate_message(size_t bytes);
void pin(int cpu);
/* Both processes leave it together. */
void meet(struct board *);
/* Exact nearest-rank percentile of sorted samples, 0 < fraction <= 1. */
uint64_t percentile(const uint64_t *sorted, uint64_t count, double fraction);
void sort_samples(uint64_t *samples, uint64_t count);

/* CLOCK_MONOTONIC is one clock for all processes of the machine, so differences across processes are true. */
INLINE uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Polls before giving the processor up: none when both processes share one, where only a switch helps. */
extern unsigned spin_limit;

/* One turn of a waiting loop; `spins` starts at 0. */
INLINE void relax(unsigned *spins) {
  if (++*spins >= spin_limit) {
    *spins = 0;
    sched_yield();
    return;
  }
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

/* ---- the stamp by which a message is known to be the right one and whole ---- */
/*
 *   0               8                                bytes-8         bytes
 *   +---------------+--------------- - - - ----------+---------------+
 *   |   sequence    |  whatever was there            |   checksum    |
 *   +---------------+--------------- - - - ----------+---------------+
 *
 * Under 16 bytes there is no checksum; under 8 the sequence is cut to its low bytes (little-endian).
 */
INLINE uint64_t checksum_of(uint64_t sequence) { return ~(sequence * 0x9e3779b97f4a7c15u); }

INLINE void stamp(uint8_t *payload, size_t bytes, uint64_t sequence) {
  memcpy(payload, &sequence, bytes < 8 ? bytes : 8);
  if (bytes >= 16) {
    const uint64_t checksum = checksum_of(sequence);
    memcpy(payload + bytes - 8, &checksum, 8);
  }
}

_Noreturn void fail_check(const uint8_t *payload, size_t received, size_t expected, uint64_t sequence);

INLINE void check(const uint8_t *payload, size_t received, size_t expected, uint64_t sequence) {
  uint64_t found = sequence, checksum = checksum_of(sequence);
  if (__builtin_expect(received == expected, 1)) {
    memcpy(&found, payload, expected < 8 ? expected : 8);
    if (expected >= 16) memcpy(&checksum, payload + expected - 8, 8);
    if (__builtin_expect(found == sequence && checksum == checksum_of(sequence), 1)) return;
  }
  fail_check(payload, received, expected, sequence);
}

#endif
