/** Waits that survive signals: an absolute point on CLOCK_MONOTONIC, taken once when the wait begins. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <time.h>

struct deadline {
  bool forever;
  struct timespec at;
};

static inline struct deadline deadline_after(double milliseconds) {
  struct deadline deadline = {.forever = milliseconds < 0};
  if (deadline.forever) return deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline.at);
  double seconds = floor(milliseconds / 1000);
  deadline.at.tv_sec += (time_t)seconds;
  deadline.at.tv_nsec += (long)((milliseconds - seconds * 1000) * 1e6);
  if (deadline.at.tv_nsec >= 1000000000) {
    deadline.at.tv_nsec -= 1000000000;
    deadline.at.tv_sec++;
  }
  return deadline;
}

/** What is left, never negative. Not for a deadline that is for ever. */
static inline struct timespec deadline_remaining(const struct deadline *deadline) {
  struct timespec now, left;
  clock_gettime(CLOCK_MONOTONIC, &now);
  left.tv_sec = deadline->at.tv_sec - now.tv_sec;
  left.tv_nsec = deadline->at.tv_nsec - now.tv_nsec;
  if (left.tv_nsec < 0) {
    left.tv_nsec += 1000000000;
    left.tv_sec--;
  }
  if (left.tv_sec < 0) left = (struct timespec){0, 0};
  return left;
}
