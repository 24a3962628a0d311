/* A line among those who share a structure, and a sleep until others ring: docs/wire-formats/broadcast.md, rules 7, 8, 10 and 11. */
#pragma once
#include "region.h"
#include <poll.h>
#include <sys/random.h>

enum { LIFE = 0, PID = 4, ANNOUNCEMENT = 8, ROLE = 12, BELL = 16, POSITION = 24, NEED = 28, LINE = 128 };
enum { WRITER = 1, READER = 2, ANYBODY = 3 };

static uint32_t participants, number; /* how many there may be, and which one this is */
static size_t lines, line;            /* where their lines are, and the own one */
static int proof, bell;
/* What to do about what a dead participant has left in the structure. */
static void (*repair)(uint32_t number, size_t line);

static inline size_t line_of(uint32_t which) { return lines + (which - 1) * (size_t)LINE; }
static inline bool is_there(uint32_t which) { return (load(line_of(which) + LIFE) & 255) != 0; }

static inline void bell_path(char path[64], size_t of) {
  snprintf(path, 64, "/dev/shm/ipc-bell-%08x%08x", load(of + BELL), load(of + BELL + 4));
}

static inline void ring_line(size_t of) {
  char path[64];
  uint32_t announcement = load(of + ANNOUNCEMENT);
  if (announcement == 0) return;
  bell_path(path, of);
  int file = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (file >= 0) {
    if (write(file, "\1", 1) < 0 && errno != EAGAIN) die("ring");
    close(file);
  }
  replace(of + ANNOUNCEMENT, announcement, 0);
}

static inline void ring_all(uint32_t roles) {
  for (uint32_t other = 1; other <= participants; other++)
    if (other != number && is_there(other) && (load(line_of(other) + ROLE) & roles) != 0) ring_line(line_of(other));
}

/* Rule 12: wakes those of a role, if the structure's word says that somebody may sleep. */
static inline void wake(size_t sleeping, uint32_t role) {
  uint32_t seen = load(sleeping);
  if ((seen & 1) == 0) return;
  ring_all(role);
  replace(sleeping, seen, seen & ~1u);
}

/* The caller holds the line's lock. */
static inline void clear_line(uint32_t which) {
  char path[64];
  size_t of = line_of(which);
  repair(which, of);
  bell_path(path, of);
  unlink(path);
  store(of + ANNOUNCEMENT, 0);
  and(of + LIFE, ~255u);
}

static inline void bury_the_dead(void) {
  for (uint32_t other = 1; other <= participants; other++) {
    if (other == number || !is_there(other) || !take(proof, line_of(other))) continue;
    bool died = is_there(other);
    if (died) clear_line(other);
    give_back(proof, line_of(other));
    if (died) ring_all(ANYBODY);
  }
}

static inline void hang_bell(void) {
  uint32_t id[2];
  char path[64];
  if (getrandom(id, sizeof id, 0) != sizeof id) die("getrandom");
  store(line + BELL, id[0]);
  store(line + BELL + 4, id[1]);
  bell_path(path, line);
  if (mkfifo(path, 0600) != 0) die(path);
  bell = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC); /* for writing too: so it has no end */
  if (bell < 0) die(path);
}

static inline void join(size_t lines_at, uint32_t count, uint32_t role, uint32_t position) {
  lines = lines_at;
  participants = count;
  proof = open_again();
  for (int want_free = 1; want_free >= 0 && number == 0; want_free--)
    for (uint32_t which = 1; which <= count && number == 0; which++)
      if (is_there(which) != want_free && take(proof, line_of(which))) number = which;
  if (number == 0) die("all lines are taken");
  line = line_of(number);
  if (is_there(number)) clear_line(number);
  hang_bell();
  store(line + PID, (uint32_t)getpid());
  store(line + ANNOUNCEMENT, 0);
  store(line + ROLE, role);
  store(line + POSITION, position);
  store(line + LIFE, (load(line + LIFE) & ~255u) + 256 + number);
}

static inline void leave(void) {
  char path[64];
  store(line + ANNOUNCEMENT, 0);
  and(line + LIFE, ~255u);
  bell_path(path, line);
  unlink(path);
  ring_all(ANYBODY);
  close(proof);
}

/* Says "I am going to sleep"; to be followed by another look, and then `rest`. */
static inline void announce(size_t sleeping) {
  static uint32_t announcements;
  store(line + ANNOUNCEMENT, ++announcements);
  add(sleeping, 2);
  or(sleeping, 1);
}

/* Until somebody rings; looks for the dead now and then, instead of watching their bells. */
static inline void rest(void) {
  char rings[256];
  struct pollfd one = {.fd = bell, .events = POLLIN};
  if (poll(&one, 1, 100) == 0) bury_the_dead();
  else while (read(bell, rings, sizeof rings) == sizeof rings) continue;
}
