/*
 * floor <subject> <scenario> --bytes N --messages M [--cpus A,B]
 *
 * Prints one JSON line and exits with 0; a plan that this machine cannot run is a line too, with "unsupported".
 * Exits with 1 when a message was lost, damaged or a call failed, 2 on wrong arguments, 124 when the watchdog bit.
 * Whatever ends this process, and be it SIGKILL, ends the two it started, and nothing named is left behind. It ends
 * with the process that started it.
 */
#include "floor.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef WATCHDOG_SECONDS
#define WATCHDOG_SECONDS 60
#endif
#define SPIN_LIMIT 20000u
#define MAX_MESSAGE_BYTES (64u << 20)
#define MAX_MESSAGES 1000000000u
#define MAX_SAMPLES 10000000u /* 80 MB of latencies, held in memory */

static const struct subject *const subjects[] = {
    &pipe_anonymous, &pipe_fifo, &socket_unix, &socket_seqpacket, &socket_datagram, &socket_tcp,
    &mq_posix,       &mq_sysv,   &shm_ring,    &shm_latest,       &shm_counter,     &sync_mutex,
    &sync_semaphore, &sync_rw_lock, &sync_posix_semaphore, &pthread_rw_lock, &cache_line,
};
static const struct {
  const char *name;
  enum scenario scenario;
} scenarios[] = {
    {"throughput", THROUGHPUT},
    {"throughput-batched", THROUGHPUT_BATCHED},
    {"round-trip", ROUND_TRIP},
    {"round-trip-sleeping", ROUND_TRIP_SLEEPING},
    {"lock-uncontended", LOCK_UNCONTENDED},
    {"lock-contended", LOCK_CONTENDED},
    {"core-to-core", CORE_TO_CORE},
    {"calls", CALLS},
    {"wake-up", WAKE_UP},
    {"operations-alone", OPERATIONS_ALONE},
    {"operations-together", OPERATIONS_TOGETHER},
};
#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define CARRIES_MESSAGES (THROUGHPUT | THROUGHPUT_BATCHED | ROUND_TRIP | ROUND_TRIP_SLEEPING | CALLS | WAKE_UP)
#define HAS_LATENCY (ROUND_TRIP | ROUND_TRIP_SLEEPING | CORE_TO_CORE | WAKE_UP)
#define COUNTS_OPERATIONS (LOCK_UNCONTENDED | LOCK_CONTENDED | OPERATIONS_ALONE | OPERATIONS_TOGETHER)

/* ---- arguments ---- */

static _Noreturn void usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("floor: ", stderr);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputs("\nusage: floor <subject> <scenario> --bytes N --messages M [--cpus A,B]\n", stderr);
  for (size_t i = 0; i < LENGTH(subjects); i++) {
    fprintf(stderr, "  %s:", subjects[i]->name);
    for (size_t k = 0; k < LENGTH(scenarios); k++)
      if (subjects[i]->scenarios & scenarios[k].scenario) fprintf(stderr, " %s", scenarios[k].name);
    fputc('\n', stderr);
  }
  exit(2);
}

static uint64_t parse_count(const char *option, const char *text, uint64_t least, uint64_t most) {
  char *end;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least || value > most)
    usage("%s %s: not an integer from %llu to %llu", option, text, (unsigned long long)least,
          (unsigned long long)most);
  return value;
}

static void parse_cpus(struct plan *plan, char *text) {
  char *second = strchr(text, ',');
  if (!second) usage("--cpus %s: not two CPU numbers as in 0,1", text);
  *second++ = '\0';
  plan->cpus[LEADER] = (int)parse_count("--cpus", text, 0, CPU_SETSIZE - 1);
  plan->cpus[FOLLOWER] = (int)parse_count("--cpus", second, 0, CPU_SETSIZE - 1);
  plan->pinned = true;
}

static const struct subject *find_subject(const char *name) {
  for (size_t i = 0; i < LENGTH(subjects); i++)
    if (strcmp(subjects[i]->name, name) == 0) return subjects[i];
  usage("unknown subject %s", name);
}

static enum scenario find_scenario(const struct subject *subject, const char *name) {
  for (size_t i = 0; i < LENGTH(scenarios); i++)
    if (strcmp(scenarios[i].name, name) == 0 && (subject->scenarios & scenarios[i].scenario))
      return scenarios[i].scenario;
  usage("%s has no scenario %s", subject->name, name);
}

static const struct subject *parse(int count, char **arguments, struct plan *plan) {
  static const struct option options[] = {{"bytes", required_argument, NULL, 'b'},
                                          {"messages", required_argument, NULL, 'm'},
                                          {"cpus", required_argument, NULL, 'c'},
                                          {0}};
  opterr = 0;
  for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
    if (option == 'b') plan->message_bytes = parse_count("--bytes", optarg, 1, MAX_MESSAGE_BYTES);
    else if (option == 'm') plan->messages = parse_count("--messages", optarg, 1, MAX_MESSAGES);
    else if (option == 'c') parse_cpus(plan, optarg);
    else usage("%s: unknown option, or its value is missing", arguments[optind - 1]);
  }
  if (count - optind != 2) usage("a subject and a scenario are needed");
  if (plan->messages == 0) usage("--messages is needed");
  const struct subject *subject = find_subject(arguments[optind]);
  plan->subject = subject->name;
  plan->scenario_name = arguments[optind + 1];
  plan->scenario = find_scenario(subject, plan->scenario_name);
  if (plan->message_bytes == 0 && (plan->scenario & CARRIES_MESSAGES))
    usage("--bytes is needed");
  if ((plan->scenario & HAS_LATENCY) && plan->messages > MAX_SAMPLES)
    usage("%s takes at most %u --messages", plan->scenario_name, MAX_SAMPLES);
  plan->warm_up = plan->messages / 10;
  return subject;
}

/* ---- the two processes ---- */

static const char *const role_names[] = {"leader", "follower"};

static pid_t start(enum role role, const struct subject *subject, const struct plan *plan, struct board *board) {
  const pid_t supervisor = getpid();
  const pid_t child = fork();
  if (child < 0) fail_call("fork");
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(1); /* it died before the line above */
  if (plan->pinned) pin(plan->cpus[role]);
  subject->run(role, plan, board);
  _exit(0);
}

/* Waits for both. The first that fails takes the other with it. */
static bool supervise(const pid_t children[2]) {
  bool whole = true;
  for (int ended = 0; ended < 2;) {
    int status;
    const pid_t child = wait(&status);
    if (child < 0 && errno != EINTR) fail_call("wait");
    const int role = child == children[LEADER] ? LEADER : FOLLOWER;
    if (child != children[role]) continue;
    ended++;
    if (status == 0 || !whole) continue;
    whole = false;
    if (WIFSIGNALED(status))
      fprintf(stderr, "floor: the %s was killed by signal %d\n", role_names[role], WTERMSIG(status));
    kill(children[!role], SIGKILL);
  }
  return whole;
}

#define TEXT_OF(number) #number
#define SECONDS_TEXT(number) TEXT_OF(number)

static void give_up(int signal) {
  (void)signal;
  static const char text[] = "floor: watchdog: no result within " SECONDS_TEXT(WATCHDOG_SECONDS) " seconds\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(125);
  _exit(124);
}

/* ---- the result ---- */

static void print_head(const struct plan *plan) {
  printf("{\"subject\":\"%s\",\"scenario\":\"%s\",\"messageBytes\":%zu,\"messages\":%llu", plan->subject,
         plan->scenario_name, plan->message_bytes, (unsigned long long)plan->messages);
}

static void print_result(const struct plan *plan, struct board *board) {
  const uint64_t elapsed_ns = board->end_ns - board->start_ns;
  const double per_second = (double)plan->messages * 1e9 / (double)(elapsed_ns ? elapsed_ns : 1);
  print_head(plan);
  printf(",\"elapsedNs\":%llu", (unsigned long long)elapsed_ns);
  if (plan->scenario & COUNTS_OPERATIONS) printf(",\"operationsPerSecond\":%.1f", per_second);
  else if (!(plan->scenario & (CORE_TO_CORE | WAKE_UP))) printf(",\"messagesPerSecond\":%.1f", per_second);
  if (plan->scenario & HAS_LATENCY) {
    sort_samples(board->latency_ns, plan->messages);
    printf(",\"latencyNs\":{\"p50\":%llu,\"p99\":%llu}",
           (unsigned long long)percentile(board->latency_ns, plan->messages, 0.5),
           (unsigned long long)percentile(board->latency_ns, plan->messages, 0.99));
  }
  printf(",\"checked\":%llu}\n", (unsigned long long)board->checked);
}

int main(int count, char **arguments) {
  struct plan plan = {0};
  const struct subject *subject = parse(count, arguments, &plan);
  const bool one_core = plan.pinned && plan.cpus[LEADER] == plan.cpus[FOLLOWER];
  spin_limit = one_core ? 0 : SPIN_LIMIT;
  prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody is left to read the result */
  signal(SIGPIPE, SIG_IGN);
  signal(SIGALRM, give_up);
  alarm(WATCHDOG_SECONDS);

  const uint64_t samples = plan.scenario & HAS_LATENCY ? plan.messages : 0;
  struct board *board = shared_memory(sizeof *board + samples * sizeof *board->latency_ns);
  /* While names exist, only SIGKILL could leave one behind. */
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  const char *reason = subject->open(&plan);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (reason) {
    print_head(&plan);
    printf(",\"unsupported\":\"%s\"}\n", reason);
    return 0;
  }
  const pid_t leader = start(LEADER, subject, &plan, board);
  const pid_t children[2] = {leader, start(FOLLOWER, subject, &plan, board)};
  const bool whole = supervise(children);
  if (subject->close) subject->close();
  if (!whole) return 1;
  if (board->checked != plan.messages)
    fail("%llu of %llu were accounted for", (unsigned long long)board->checked, (unsigned long long)plan.messages);
  print_result(&plan, board);
  return 0;
}
