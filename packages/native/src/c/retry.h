#pragma once

#include <errno.h>

/** Repeats a call that a signal interrupted before it did anything. */
#define RETRY(result, call) \
  do                        \
    (result) = (call);      \
  while ((result) < 0 && errno == EINTR)
