#include "floor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

unsigned spin_limit;

static _Noreturn void end_with(const char *format, va_list arguments, const char *cause) {
  char text[512];
  vsnprintf(text, sizeof text, format, arguments);
  if (cause) fprintf(stderr, "floor: %s: %s\n", text, cause);
  else fprintf(stderr, "floor: %s\n", text);
  exit(1);
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  end_with(format, arguments, NULL);
}

void fail_call(const char *call) { fail("%s: %s", call, strerror(errno)); }

const char *unsupported(const char *format, ...) {
  static char reason[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  return reason;
}

long system_limit(const char *path, long fallback) {
  long value = fallback;
  FILE *file = fopen(path, "re");
  if (!file) return fallback;
  if (fscanf(file, "%ld", &value) != 1) value = fallback;
  fclose(file);
  return value;
}

void *shared_memory(size_t bytes) {
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) fail_call("mmap");
  return memory;
}

uint8_t *allocate_message(size_t bytes) {
  uint8_t *memory = aligned_alloc(CACHE_LINE_BYTES, (HEADROOM + bytes + CACHE_LINE_BYTES) & ~(size_t)63);
  if (!memory) fail_call("aligned_alloc");
  memset(memory, 0xa5, HEADROOM + bytes);
  return memory + HEADROOM;
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("cpu %d cannot be used: %s", cpu, strerror(errno));
}

void meet(struct board *board) {
  atomic_fetch_add(&board->arrived, 1);
  while (atomic_load(&board->arrived) < 2) sched_yield();
}

uint64_t percentile(const uint64_t *sorted, uint64_t count, double fraction) {
  uint64_t rank = (uint64_t)(fraction * (double)count);
  if ((double)rank < fraction * (double)count) rank++;
  return sorted[rank == 0 ? 0 : rank - 1];
}

static int ascending(const void *left, const void *right) {
  const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

void sort_samples(uint64_t *samples, uint64_t count) { qsort(samples, count, sizeof *samples, ascending); }

void fail_check(const uint8_t *payload, size_t received, size_t expected, uint64_t sequence) {
  if (received != expected)
    fail("message %llu has %zu bytes instead of %zu", (unsigned long long)sequence, received, expected);
  uint64_t found = 0;
  memcpy(&found, payload, expected < 8 ? expected : 8);
  fail("message %llu is damaged or out of order: it carries the number %llu", (unsigned long long)sequence,
       (unsigned long long)found);
}
