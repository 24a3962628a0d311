/**
 * A mutex of @ipc/sync in C, written from docs/wire-formats/lock.md and region.md alone.
 *
 * `mutex NAME` says "ready", then obeys the lines it is told: acquire, try, release; "count COUNTER TIMES" adds one to the
 * first word of that region's payload, by a plain load and store, under the lock, so many times.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAYLOAD = 128, STATE = 64, SLOTS = 128, LINE = 64 };
enum { LIFE = 0, PID = 4, THREAD = 8, BELL = 12, WAITING = 20, STARTED = 40, LABEL = 44 };
#define WAITERS 0x40000000u
#define ABANDONED 0x80000000u
#define IDENTITY 0x3fffffffu
#define UNRECOVERABLE 0xffu

static uint8_t *area;
static uint32_t capacity, identity, announcement;
static int proof, bell;
static size_t mine;  // offset of the own slot

static uint32_t *at(size_t offset) { return (uint32_t *)(area + offset); }
static uint32_t load(size_t offset) { return __atomic_load_n(at(offset), __ATOMIC_SEQ_CST); }
static void store(size_t offset, uint32_t value) { __atomic_store_n(at(offset), value, __ATOMIC_SEQ_CST); }
static uint32_t exchange(size_t offset, uint32_t value) { return __atomic_exchange_n(at(offset), value, __ATOMIC_SEQ_CST); }
static int replace(size_t offset, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(at(offset), &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/** One byte of the file, by its offset in the file. */
static int ofd(int fd, int command, int type, off_t start) {
  struct flock lock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
  if (fcntl(fd, command, &lock) < 0) {
    if (errno == EAGAIN || errno == EACCES) return 0;
    fail("fcntl");
  }
  return command == F_OFD_GETLK ? lock.l_type != F_UNLCK : 1;
}

static void bell_path(char *path, size_t slot) {
  sprintf(path, "/dev/shm/ipc-bell-%08x%08x", load(slot + BELL), load(slot + BELL + 4));
}

static int line_to(size_t slot) {
  char path[64];
  bell_path(path, slot);
  return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static int is_alive(uint32_t who) {
  uint32_t index = (who & 0xff) - 1;
  if (index >= capacity) return 0;
  size_t slot = SLOTS + index * LINE;
  return load(slot + LIFE) == who && ofd(proof, F_OFD_GETLK, F_WRLCK, (off_t)(PAYLOAD + slot)) && load(slot + LIFE) == who;
}

static void ring_everybody(void) {
  uint32_t high_water = load(16);
  for (uint32_t index = 0; index < high_water && index < capacity; index++) {
    size_t slot = SLOTS + index * LINE;
    uint32_t seen = load(slot + WAITING);
    if (seen == 0 || slot == mine) continue;
    int line = line_to(slot);
    if (line >= 0) {
      if (write(line, "!", 1) < 0 && errno != EAGAIN && errno != EPIPE) fail("write");
      close(line);
    }
    replace(slot + WAITING, seen, 0);
  }
}

static void hang_bell(uint32_t id[2]) {
  for (;;) {
    char path[64], passing[80];
    if (getrandom(id, 8, 0) != 8) fail("getrandom");
    sprintf(path, "/dev/shm/ipc-bell-%08x%08x", id[0], id[1]);
    sprintf(passing, "%s.new", path);
    if (mkfifo(passing, 0600) < 0) fail("mkfifo");
    bell = open(passing, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (bell >= 0 && rename(passing, path) == 0) return;
    if (errno != ENOENT) fail("bell");
    if (bell >= 0) close(bell);  // another's sweep took the passing name away
  }
}

static uint32_t start_time(void) {
  char text[1024];
  FILE *file = fopen("/proc/self/stat", "r");
  if (!file || !fgets(text, sizeof text, file)) fail("stat");
  fclose(file);
  char *field = strrchr(text, ')') + 1;
  for (int skip = 3; skip < 22; skip++) field = strchr(field + 1, ' ');
  return (uint32_t)strtoul(field, NULL, 10);
}

static void join(const char *name) {
  char path[400], own[64];
  snprintf(path, sizeof path, "/dev/shm/ipc-%s.mutex", name);
  int region = open(path, O_RDWR | O_CLOEXEC);
  struct stat status;
  if (region < 0 || fstat(region, &status) < 0) fail(path);
  ofd(region, F_OFD_SETLK, F_RDLCK, 0);  // somebody has the region open: region.md, rule 4
  uint8_t *file = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
  if (file == MAP_FAILED) fail("mmap");
  area = file + PAYLOAD;
  if (memcmp(file, "IPCR", 4) != 0 || load(0) != 0x4c435049 || load(4) != 0x00010001 || load(12) != 0)
    exit(3);  // not a mutex of version 1, or a fair one
  capacity = load(8);
  sprintf(own, "/proc/self/fd/%d", region);
  proof = open(own, O_RDWR | O_CLOEXEC);
  uint32_t id[2];
  hang_bell(id);
  for (int want_free = 1; want_free >= 0 && mine == 0; want_free--) {
    for (uint32_t index = 0; index < capacity && mine == 0; index++) {
      size_t slot = SLOTS + index * LINE;
      if (((load(slot + LIFE) & 0xff) == 0) != want_free) continue;
      if (ofd(proof, F_OFD_SETLK, F_WRLCK, (off_t)(PAYLOAD + slot))) mine = slot;
    }
  }
  if (mine == 0) exit(4);
  uint32_t before = load(mine + LIFE), index = (uint32_t)((mine - SLOTS) / LINE);
  for (size_t word = 4; word < LINE; word += 4) store(mine + word, 0);
  store(mine + PID, (uint32_t)getpid());
  store(mine + THREAD, (uint32_t)gettid());
  store(mine + BELL, id[0]);
  store(mine + BELL + 4, id[1]);
  store(mine + STARTED, start_time());
  memcpy(area + mine + LABEL, "in C", 4);
  for (uint32_t seen = load(16); seen < index + 1 && !replace(16, seen, index + 1);) seen = load(16);
  uint32_t generation = ((before >> 8) + 1) & 0x3fffff;
  identity = (generation ? generation : 1) << 8 | (index + 1);
  store(mine + LIFE, identity);
  if (before & 0xff) ring_everybody();
}

/** What the lock was when it was taken; NULL when somebody has it. */
static const char *attempt(int announced, uint32_t *owner) {
  for (;;) {
    uint32_t word = load(STATE);
    *owner = word & IDENTITY;
    if (*owner == UNRECOVERABLE) return "unrecoverable";
    if (*owner == 0) {
      if (replace(STATE, word, word | identity)) return word & ABANDONED ? "abandoned" : "taken";
    } else if (!is_alive(*owner)) {
      if (replace(STATE, word, (word & WAITERS) | ABANDONED | identity)) return "abandoned";
    } else if (!announced || (word & WAITERS) || replace(STATE, word, word | WAITERS)) {
      return NULL;
    }
  }
}

static const char *acquire(void) {
  uint32_t owner;
  const char *taken = attempt(0, &owner);
  while (!taken) {
    store(mine + WAITING, announcement = (announcement + 1) & 0x7fffffff ? announcement + 1 : 1);
    if ((taken = attempt(1, &owner))) break;
    int line = line_to(SLOTS + ((owner & 0xff) - 1) * LINE);
    struct pollfd fds[] = {{.fd = bell, .events = POLLIN}, {.fd = line}};
    poll(fds, 2, line < 0 ? 1 : -1);
    if (line >= 0) close(line);
    char rings[4096];
    while (read(bell, rings, sizeof rings) > 0);
    taken = attempt(0, &owner);
  }
  store(mine + WAITING, 0);
  return taken;
}

static void release(void) {
  if (exchange(STATE, 0) & WAITERS) ring_everybody();
}

static void count(const char *name, int times) {
  char path[400];
  snprintf(path, sizeof path, "/dev/shm/ipc-%s.counter", name);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  uint8_t *file = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (file == MAP_FAILED) fail(path);
  volatile uint32_t *counter = (uint32_t *)(file + PAYLOAD);
  for (; times > 0; times--) {
    acquire();
    *counter = *counter + 1;
    release();
  }
}

static void leave(void) {
  char path[64];
  bell_path(path, mine);
  store(mine + WAITING, 0);
  store(mine + LIFE, identity & ~0xffu);
  unlink(path);
}

int main(int arguments, char **argument) {
  char line[400], name[300];
  uint32_t owner;
  int times;
  if (arguments != 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  join(argument[1]);
  puts("ready");
  while (fgets(line, sizeof line, stdin)) {
    if (strcmp(line, "acquire\n") == 0) {
      puts(acquire());
    } else if (strcmp(line, "try\n") == 0) {
      const char *taken = attempt(0, &owner);
      puts(taken ? taken : "busy");
    } else if (strcmp(line, "release\n") == 0) {
      release();
      puts("released");
    } else if (sscanf(line, "count %299s %d", name, &times) == 2) {
      count(name, times);
      puts("counted");
    }
  }
  leave();
}
