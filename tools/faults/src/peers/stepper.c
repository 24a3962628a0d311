/*
 * stepper PID KIND COUNT [FILE...]: resumes a process that has stopped itself with SIGSTOP, lets its main thread run to the first
 * geteuid(2), from there COUNT steps further, and kills it there. KIND says what a step is:
 *
 *   instruction  a machine instruction
 *   call         a system call entered or left
 *   change       an instruction behind which one of the FILEs, which the process has mapped, is not what it was, or which was a
 *                system call that others can notice. Between two of those all instructions are one to everybody else: registers
 *                and memory of its own die with the process.
 *
 * Prints "killed", or "ended N M" when there was a second geteuid(2) after N steps, and M instructions, before its turn to die.
 * Source: ptrace(2).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MARK = SYS_geteuid, MOST_FILES = 16 };

static pid_t pid;

static void fail(const char *what) {
  fprintf(stderr, "stepper: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* A file that the process has mapped, and its bytes after the last step. */
struct file {
  const unsigned char *bytes;
  unsigned char *last;
  size_t length;
};

static struct file open_file(const char *path) {
  struct file file;
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &status) != 0) fail(path);
  file.length = (size_t)status.st_size;
  file.bytes = mmap(NULL, file.length, PROT_READ, MAP_SHARED, fd, 0);
  file.last = malloc(file.length);
  if (file.bytes == MAP_FAILED || file.last == NULL) fail(path);
  memcpy(file.last, file.bytes, file.length);
  close(fd);
  return file;
}

static int has_changed(struct file *file) {
  if (memcmp(file->last, file->bytes, file->length) == 0) return 0;
  memcpy(file->last, file->bytes, file->length);
  return 1;
}

/* The number of the system call that the next instruction makes, or -1; its second argument. */
static long next_call(unsigned long *second) {
  struct user_regs_struct registers;
  struct iovec all = {&registers, sizeof registers};
  if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &all) != 0) fail("PTRACE_GETREGSET");
#if defined(__x86_64__)
  unsigned long at = registers.rip, mask = 0xffff, syscall = 0x050f;
  long number = (long)registers.rax;
  *second = registers.rsi;
#elif defined(__aarch64__)
  unsigned long at = registers.pc, mask = 0xffffffff, syscall = 0xd4000001;
  long number = (long)registers.regs[8];
  *second = registers.regs[1];
#else
#error "which registers hold a system call's number is not known here"
#endif
  errno = 0;
  unsigned long code = (unsigned long)ptrace(PTRACE_PEEKTEXT, pid, (void *)at, NULL);
  return errno == 0 && (code & mask) == syscall ? number : -1;
}

/* Whether anybody else can notice it: not what concerns the own memory and threads alone. */
static int is_public(long number, unsigned long second) {
  switch (number) {
    case -1: case SYS_mmap: case SYS_munmap: case SYS_mprotect: case SYS_madvise: case SYS_brk: case SYS_sched_yield:
      return 0;
    case SYS_futex:
      return (second & FUTEX_PRIVATE_FLAG) == 0;
    default:
      return 1;
  }
}

/* The system call that was just entered, or -1. */
static long entered_call(void) {
  struct __ptrace_syscall_info info;
  if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) fail("PTRACE_GET_SYSCALL_INFO");
  return info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long)info.entry.nr : -1;
}

/* Goes on to the next stop that `request` asks for, past all others; false when the process has ended. */
static int advance(int request) {
  for (int signal = 0;;) {
    int status;
    if (ptrace(request, pid, NULL, (void *)(long)signal) != 0) fail("ptrace");
    if (waitpid(pid, &status, __WALL) != pid) fail("waitpid");
    if (WIFEXITED(status) || WIFSIGNALED(status)) return 0;
    int stop = WSTOPSIG(status), event = status >> 16;
    if (event == 0 && stop == (request == PTRACE_SYSCALL ? SIGTRAP | 0x80 : SIGTRAP)) return 1;
    signal = event == 0 && stop != SIGCONT ? stop : 0;
  }
}

static int end(const char *how, long steps, long stops) {
  kill(pid, SIGKILL);
  printf("%s %ld %ld\n", how, steps, stops);
  return 0;
}

int main(int count, char **arguments) {
  if (count < 4 || count - 4 > MOST_FILES) {
    fprintf(stderr, "usage: stepper PID instruction|call|change COUNT [FILE...]\n");
    return 2;
  }
  pid = (pid_t)strtol(arguments[1], NULL, 10);
  int by_call = strcmp(arguments[2], "call") == 0, by_change = strcmp(arguments[2], "change") == 0;
  long limit = strtol(arguments[3], NULL, 10), steps = 0, stops = 0;
  struct file files[MOST_FILES];
  int opened = 0;
  while (opened < count - 4) {
    files[opened] = open_file(arguments[4 + opened]);
    opened++;
  }
  if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)) != 0) fail("PTRACE_SEIZE");
  if (waitpid(pid, NULL, __WALL) != pid) fail("waitpid");
  kill(pid, SIGCONT); /* for the other threads as well, which the main one may have to wait for */

  do {
    if (!advance(PTRACE_SYSCALL)) return end("exited", steps, stops);
  } while (entered_call() != MARK);
  if (!advance(PTRACE_SYSCALL)) return end("exited", steps, stops);

  for (int changed = 0; steps < limit;) {
    if (!advance(by_call ? PTRACE_SYSCALL : PTRACE_SINGLESTEP)) return end("exited", steps, stops);
    stops++;
    for (int file = 0; file < opened; file++) changed |= has_changed(&files[file]);
    if (changed || !by_change) steps++;
    unsigned long second = 0;
    long number = by_call ? entered_call() : next_call(&second);
    if (number == MARK) return end("ended", steps, stops);
    changed = is_public(number, second);
  }
  return end("killed", steps, stops);
}
