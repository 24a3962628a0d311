/** Where a thread runs: sched_setaffinity(2), getcpu(3), gettid(2). */
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"

/** More processors than any Linux is built for (CONFIG_NR_CPUS of 8192). */
#define CPUS_MAX 8192
#define SET_BYTES CPU_ALLOC_SIZE(CPUS_MAX)

typedef union {
  cpu_set_t set;
  unsigned long words[CPUS_MAX / (8 * sizeof(unsigned long))];
} cpu_mask;

static napi_value affinity(napi_env env, napi_callback_info info) {
  (void)info;
  cpu_mask mask = {.words = {0}};
  if (sched_getaffinity(0, SET_BYTES, &mask.set) < 0) return throw_errno(env, "sched_getaffinity", NULL);
  int cpus[CPUS_MAX];
  size_t count = 0;
  for (int cpu = 0; cpu < CPUS_MAX; cpu++)
    if (CPU_ISSET_S(cpu, SET_BYTES, &mask.set)) cpus[count++] = cpu;
  return js_int_array(env, cpus, count);
}

static napi_value set_affinity(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  uint32_t count;
  cpu_mask mask = {.words = {0}};
  if (!argument_array(env, argument[0], "cpus", CPUS_MAX, &count)) return NULL;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    int cpu;
    if (napi_get_element(env, argument[0], i, &element) != napi_ok) return throw_runtime_error(env, "setAffinity");
    if (!argument_int(env, element, "cpus", 0, CPUS_MAX - 1, &cpu)) return NULL;
    CPU_SET_S(cpu, SET_BYTES, &mask.set);
  }
  return sched_setaffinity(0, SET_BYTES, &mask.set) < 0 ? throw_errno(env, "sched_setaffinity", NULL)
                                                        : js_undefined(env);
}

static napi_value current_cpu(napi_env env, napi_callback_info info) {
  (void)info;
  int cpu = sched_getcpu();
  return cpu < 0 ? throw_errno(env, "getcpu", NULL) : js_int(env, cpu);
}

static napi_value thread_id(napi_env env, napi_callback_info info) {
  (void)info;
  return js_int(env, (int32_t)syscall(SYS_gettid));
}

bool cpu_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("affinity", affinity),
      FUNCTION("setAffinity", set_affinity),
      FUNCTION("currentCpu", current_cpu),
      FUNCTION("threadId", thread_id),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
