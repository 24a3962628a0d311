#include "blocking-thread.h"

#include <signal.h>
#include <unistd.h>

/** Its handler does nothing: what counts is that the system call ends. */
#define INTERRUPT (SIGRTMAX - 2)

static void ignore(int signal) { (void)signal; }

int blocking_thread_start(pthread_t *thread, void *(*run)(void *), void *data) {
  struct sigaction before, action = {.sa_handler = ignore};
  if (sigaction(INTERRUPT, NULL, &before) == 0 && before.sa_handler == SIG_DFL) sigaction(INTERRUPT, &action, NULL);
  // Every signal but ours stays with the threads that expect it.
  sigset_t all, saved;
  sigfillset(&all);
  sigdelset(&all, INTERRUPT);
  pthread_sigmask(SIG_SETMASK, &all, &saved);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  int error = pthread_create(thread, &attributes, run, data);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &saved, NULL);
  return error;
}

void blocking_thread_interrupt(pthread_t thread, const atomic_bool *blocking) {
  // The signal may come just before the system call begins to block: it is sent until the thread has seen it.
  while (atomic_load(blocking)) {
    pthread_kill(thread, INTERRUPT);
    usleep(50);
  }
}
