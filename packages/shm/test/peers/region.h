/* What all peers in C need: a region, from docs/wire-formats/region.md alone; its words, as atomics; and locks on its bytes. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REGION_HEADER = 128, WHILE_OPEN = 1 };

static int region_file;
static uint8_t *payload;
static uint64_t payload_bytes;

static inline _Noreturn void die(const char *what) {
  fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* By offset in the payload. */
static inline uint32_t *word(size_t offset) { return (uint32_t *)(payload + offset); }
static inline uint32_t load(size_t offset) { return __atomic_load_n(word(offset), __ATOMIC_SEQ_CST); }
static inline void store(size_t offset, uint32_t value) { __atomic_store_n(word(offset), value, __ATOMIC_SEQ_CST); }
static inline void add(size_t offset, uint32_t value) { __atomic_fetch_add(word(offset), value, __ATOMIC_SEQ_CST); }
static inline uint32_t and(size_t offset, uint32_t mask) { return __atomic_and_fetch(word(offset), mask, __ATOMIC_SEQ_CST); }
static inline void or(size_t offset, uint32_t bits) { __atomic_fetch_or(word(offset), bits, __ATOMIC_SEQ_CST); }
static inline bool replace(size_t offset, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(word(offset), &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
/* Keeps a load from happening before what was copied in front of it. */
static inline void fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static inline bool ofd_lock(int file, short kind, uint64_t byte) {
  struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
  if (fcntl(file, F_OFD_SETLK, &lock) == 0) return true;
  if (errno != EAGAIN && errno != EACCES) die("F_OFD_SETLK");
  return false;
}
/* On a byte of the payload, until the process ends or gives it back. */
static inline bool take(int file, size_t offset) { return ofd_lock(file, F_WRLCK, REGION_HEADER + offset); }
static inline void give_back(int file, size_t offset) { ofd_lock(file, F_UNLCK, REGION_HEADER + offset); }
static inline bool is_taken(int file, size_t offset) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(REGION_HEADER + offset), .l_len = 1};
  if (fcntl(file, F_OFD_GETLK, &lock) != 0) die("F_OFD_GETLK");
  return lock.l_type != F_UNLCK;
}
/* A description of its own of the region's file, as locks belong to those. */
static inline int open_again(void) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", region_file);
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) die(path);
  return file;
}

static inline uint32_t crc32_of(const uint8_t *bytes, size_t count) {
  uint32_t crc = ~0u;
  for (size_t at = 0; at < count; at++) {
    crc ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/* Rules 2, 4, 5 and 6. Who made the region stays until the peer has ended: it never is the last user. */
static inline void attach(const char *path, const char *kind) {
  struct stat status;
  uint32_t words[4], flags, crc;
  char name[16] = {0};
  region_file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (region_file < 0) die(path);
  if (!ofd_lock(region_file, F_RDLCK, 0)) die("somebody removes it");
  if (fstat(region_file, &status) != 0 || status.st_nlink == 0 || status.st_size < REGION_HEADER) die("not a region any more");
  uint8_t *file = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, region_file, 0);
  if (file == MAP_FAILED) die("mmap");
  memcpy(words, file, sizeof words);
  memcpy(&payload_bytes, file + 32, sizeof payload_bytes);
  memcpy(&flags, file + 52, sizeof flags);
  memcpy(&crc, file + 124, sizeof crc);
  strncpy(name, kind, sizeof name);
  if (words[0] != 0x52435049 || words[2] != 0x01020304 || words[1] != 1) die("not a region");
  if (crc != crc32_of(file, 124) || payload_bytes > (uint64_t)status.st_size - REGION_HEADER) die("a damaged header");
  if (memcmp(file + 16, name, sizeof name) != 0 || words[3] != 1) die("of another kind");
  struct flock sole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  if (fcntl(region_file, F_OFD_GETLK, &sole) != 0 || ((flags & WHILE_OPEN) != 0 && sole.l_type == F_UNLCK)) die("its users are gone");
  payload = file + REGION_HEADER;
}

/* Waits while the word is `value`, 100 ms at most. */
static inline void futex_wait(size_t offset, uint32_t value) {
  struct timespec limit = {.tv_nsec = 100000000};
  syscall(SYS_futex, word(offset), FUTEX_WAIT, value, &limit, NULL, 0);
}
static inline void futex_wake(size_t offset) { syscall(SYS_futex, word(offset), FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

/* The next line of the input, without its end; NULL when there is none. */
static inline char *next_line(void) {
  static char line[1 << 16];
  if (fgets(line, sizeof line, stdin) == NULL) return NULL;
  line[strcspn(line, "\n")] = 0;
  return line;
}
static inline void say(const void *text, size_t length) {
  fwrite(text, 1, length, stdout);
  putchar('\n');
  fflush(stdout);
}
