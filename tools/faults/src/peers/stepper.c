/*
 * stepper PID KIND COUNT: resumes a process that has stopped itself with SIGSTOP, lets its main thread go COUNT steps further,
 * and kills it there. KIND is "instruction" or "call" (a system call entered or left is a step). Prints "killed", or "ended N"
 * when the process stopped itself again after N steps, before its turn to die. Source: ptrace(2), "Group-stop".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static void fail(const char *what) {
  fprintf(stderr, "stepper: %s: %s\n", what, strerror(errno));
  exit(2);
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: stepper PID instruction|call COUNT\n");
    return 2;
  }
  pid_t pid = (pid_t)strtol(arguments[1], NULL, 10);
  int request = strcmp(arguments[2], "call") == 0 ? PTRACE_SYSCALL : PTRACE_SINGLESTEP;
  long limit = strtol(arguments[3], NULL, 10);
  int status;

  if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_EXITKILL) != 0) fail("PTRACE_SEIZE");
  if (waitpid(pid, &status, __WALL) != pid) fail("waitpid");
  kill(pid, SIGCONT); /* for the other threads as well, which the main one may have to wait for */

  int resumed = 0;
  for (long steps = 0; steps < limit;) {
    int signal = 0;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      printf("exited\n");
      return 0;
    }
    int stop = WSTOPSIG(status), event = status >> 16;
    if (stop == SIGTRAP && event == 0) {
      resumed = 1;
      steps++;
    } else if (resumed && stop == SIGSTOP) {
      printf("ended %ld\n", steps);
      kill(pid, SIGKILL);
      return 0;
    } else if (event == 0 && stop != SIGCONT) {
      signal = stop;
    }
    if (ptrace(request, pid, NULL, (void *)(long)signal) != 0) fail("ptrace");
    if (waitpid(pid, &status, __WALL) != pid) fail("waitpid");
  }
  kill(pid, SIGKILL);
  printf("killed\n");
  return 0;
}
