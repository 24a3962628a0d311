/*
 * A single-producer single-consumer ring of records in shared memory.
 *
 *   offset  0    +---------------------------+  one cache line each, so that the two
 *                | head, u64: bytes written  |  processes share only what they must
 *           64   +---------------------------+
 *                | tail, u64: bytes read     |
 *           128  +---------------------------+
 *                | sleeping, u32: the reader |
 *                | waits on this futex       |
 *           192  +---------------------------+
 *                | records, `capacity` bytes |
 *                +---------------------------+
 *
 *   record, aligned to 8:  | length, u32 | flags, u32 | payload, `length` bytes | up to 7 unused |
 *
 * Positions only grow; `position & (capacity - 1)` is the place. A record never wraps: where it does not fit before
 * the end, a record flagged PADDING fills the rest. The writer owns head and releases it after the bytes it covers;
 * the reader owns tail and releases it after the copy: each with every record, or, in batches, once for many. Each
 * keeps the other's last seen position to itself and looks again only when that one does not suffice (Rigtorp's
 * SPSCQueue, Aeron's "cached head").
 */
#include "scenario.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEFAULT_CAPACITY_BYTES ((size_t)1 << 20)
#define HEADER_BYTES 8u
#define PADDING 1u
/* In batches: how much is published at once, and which part of the ring is given back at once, as @ipc/shm does. */
#define BATCH_BYTES 4096u
#define BATCHES_GIVEN_BACK 8u

struct ring {
  _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t head;
  _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail;
  _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t sleeping;
  _Alignas(CACHE_LINE_BYTES) uint8_t records[];
};

struct header {
  uint32_t length;
  uint32_t flags;
};

struct writer {
  struct ring *ring;
  size_t capacity;
  uint64_t head;
  uint64_t published; /* the reader knows of everything before */
  uint64_t seen_tail;
};

struct reader {
  struct ring *ring;
  size_t capacity;
  uint64_t tail;
  uint64_t given_back; /* the writer knows of everything before */
  uint64_t seen_head;
  uint8_t *message;
};

struct link {
  struct writer writer;
  _Alignas(CACHE_LINE_BYTES) struct reader reader;
};
static struct link links_of[2]; /* by role */

INLINE uint64_t record_bytes(uint64_t length) { return (HEADER_BYTES + length + 7) & ~(uint64_t)7; }

INLINE void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
  syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

INLINE uint8_t *place(struct ring *ring, size_t capacity, uint64_t position) {
  return ring->records + (position & (capacity - 1));
}

INLINE void publish(struct writer *writer) {
  writer->published = writer->head;
  atomic_store_explicit(&writer->ring->head, writer->head, memory_order_release);
}

/* Writes a record, which is to be published. What is not yet is far less than a ring, so that there will be room. */
INLINE void write_record(struct writer *writer, const uint8_t *payload, size_t bytes) {
  struct ring *ring = writer->ring;
  const size_t capacity = writer->capacity;
  const uint64_t record = record_bytes(bytes);
  const uint64_t to_end = capacity - (writer->head & (capacity - 1));
  const uint64_t padding = record <= to_end ? 0 : to_end;

  for (unsigned spins = 0; writer->head + padding + record - writer->seen_tail > capacity;) {
    writer->seen_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (writer->head + padding + record - writer->seen_tail > capacity) relax(&spins);
  }
  if (padding > 0) {
    const struct header header = {(uint32_t)(padding - HEADER_BYTES), PADDING};
    memcpy(place(ring, capacity, writer->head), &header, HEADER_BYTES);
    writer->head += padding;
  }
  uint8_t *at = place(ring, capacity, writer->head);
  const struct header header = {(uint32_t)bytes, 0};
  memcpy(at, &header, HEADER_BYTES);
  memcpy(at + HEADER_BYTES, payload, bytes);
  writer->head += record;
}

INLINE void give_back(struct reader *reader) {
  reader->given_back = reader->tail;
  atomic_store_explicit(&reader->ring->tail, reader->tail, memory_order_release);
}

/* The next record is whole; copies its payload out. Its room is to be given back. */
INLINE const uint8_t *read_record(struct reader *reader, size_t *bytes) {
  struct ring *ring = reader->ring;
  struct header header;
  for (;;) {
    const uint8_t *at = place(ring, reader->capacity, reader->tail);
    memcpy(&header, at, HEADER_BYTES);
    reader->tail += record_bytes(header.length);
    if (header.flags & PADDING) continue; /* never the last: a record follows it in the same release */
    *bytes = header.length;
    memcpy(reader->message, at + HEADER_BYTES, header.length);
    return reader->message;
  }
}

/* ---- spinning ---- */

static void send_spinning(void *link, uint8_t *payload, size_t bytes) {
  struct writer *writer = &((struct link *)link)->writer;
  write_record(writer, payload, bytes);
  publish(writer);
}

INLINE void await_record(struct reader *reader) {
  for (unsigned spins = 0; reader->tail == reader->seen_head;) {
    reader->seen_head = atomic_load_explicit(&reader->ring->head, memory_order_acquire);
    if (reader->tail == reader->seen_head) relax(&spins);
  }
}

static const uint8_t *receive_spinning(void *link, size_t *bytes) {
  struct reader *reader = &((struct link *)link)->reader;
  await_record(reader);
  const uint8_t *message = read_record(reader, bytes);
  give_back(reader);
  return message;
}

/* ---- in batches: a cache line goes to the other core for many messages, not for each ---- */

static void send_batched(void *link, uint8_t *payload, size_t bytes) {
  struct writer *writer = &((struct link *)link)->writer;
  write_record(writer, payload, bytes);
  if (writer->head - writer->published >= BATCH_BYTES) publish(writer);
}

static const uint8_t *receive_batched(void *link, size_t *bytes) {
  struct reader *reader = &((struct link *)link)->reader;
  await_record(reader);
  const uint8_t *message = read_record(reader, bytes);
  if (reader->tail == reader->seen_head || reader->tail - reader->given_back >= reader->capacity / BATCHES_GIVEN_BACK)
    give_back(reader);
  return message;
}

/* ---- sleeping: the reader announces that it will, looks once more, and sleeps; the writer wakes it if announced ---- */

static void send_waking(void *link, uint8_t *payload, size_t bytes) {
  struct writer *writer = &((struct link *)link)->writer;
  write_record(writer, payload, bytes);
  publish(writer);
  /* Orders our head before their flag, as theirs orders the flag before our head: one of us sees the other. */
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_load_explicit(&writer->ring->sleeping, memory_order_relaxed) &&
      atomic_exchange(&writer->ring->sleeping, 0))
    futex(&writer->ring->sleeping, FUTEX_WAKE, 1);
}

static const uint8_t *receive_sleeping(void *link, size_t *bytes) {
  struct reader *reader = &((struct link *)link)->reader;
  struct ring *ring = reader->ring;
  for (;;) {
    if (reader->tail == reader->seen_head)
      reader->seen_head = atomic_load_explicit(&ring->head, memory_order_acquire);
    if (reader->tail != reader->seen_head) {
      const uint8_t *message = read_record(reader, bytes);
      give_back(reader);
      return message;
    }
    atomic_store_explicit(&ring->sleeping, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    reader->seen_head = atomic_load_explicit(&ring->head, memory_order_acquire);
    if (reader->tail == reader->seen_head) futex(&ring->sleeping, FUTEX_WAIT, 1);
    else atomic_store_explicit(&ring->sleeping, 0, memory_order_relaxed);
  }
}

/* ---- the subject ---- */

static const char *open_ring(const struct plan *plan) {
  /* Room for two records and the gap at the end, so that writing and reading overlap at every size. */
  if (plan->message_bytes > (size_t)INT_MAX / 8)
    return unsupported("a message of %zu bytes needs a ring of over 1 GiB", plan->message_bytes);
  size_t capacity = DEFAULT_CAPACITY_BYTES;
  while (capacity < 2 * record_bytes(plan->message_bytes)) capacity *= 2;
  /* All of it is touched beforehand, which takes seconds where it is large: no more than is used. */
  const int answers = !(plan->scenario & (THROUGHPUT | THROUGHPUT_BATCHED | WAKE_UP));

  const size_t capacities[] = {capacity, answers ? capacity : DEFAULT_CAPACITY_BYTES};
  struct ring *rings[2]; /* there and back */
  for (int way = 0; way < 2; way++) rings[way] = shared_memory(sizeof(struct ring) + capacities[way]);
  for (int role = LEADER; role <= FOLLOWER; role++) {
    const int out = role == LEADER ? 0 : 1, in = 1 - out;
    links_of[role].writer = (struct writer){.ring = rings[out], .capacity = capacities[out]};
    links_of[role].reader = (struct reader){.ring = rings[in],
                                         .capacity = capacities[in],
                                         .message = allocate_message(plan->message_bytes)};
  }
  return NULL;
}

static void run(enum role role, const struct plan *plan, struct board *board) {
  if (plan->scenario == ROUND_TRIP_SLEEPING)
    round_trip(role, plan, board, &links_of[role], send_waking, receive_sleeping);
  else if (plan->scenario == WAKE_UP)
    wake_up(role, plan, board, &links_of[role], send_waking, receive_sleeping);
  else if (plan->scenario == THROUGHPUT_BATCHED) {
    throughput(role, plan, board, &links_of[role], send_batched, receive_batched);
    if (role == LEADER) publish(&links_of[role].writer);
  } else run_messages(role, plan, board, &links_of[role], send_spinning, receive_spinning);
}

const struct subject shm_ring = {.name = "shm.ring",
                                 .scenarios = MESSAGES | ROUND_TRIP_SLEEPING | CALLS | THROUGHPUT_BATCHED,
                                 .open = open_ring,
                                 .run = run};
