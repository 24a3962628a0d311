/** A thread of one's own (none of libuv's pool) that blocks in a system call which nothing can poll. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/** Starts it. It gets no signal but the one that interrupts it. 0, or an error number. */
int blocking_thread_start(pthread_t *thread, void *(*run)(void *), void *data);

/** Makes the system call it blocks in fail with EINTR, over and over until the thread sets `blocking` to false. */
void blocking_thread_interrupt(pthread_t thread, const atomic_bool *blocking);
