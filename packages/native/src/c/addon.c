/**
 * The entry of the addon. It runs once per environment (main thread, each worker); the only state is the list of
 * watches an environment owns (watch.c) and the table of mappings of the process (mapping.c). It stays loaded when the last
 * environment that uses it ends (-z nodelete): signal handlers point into it.
 */
#include "addon.h"

#include "error.h"

NAPI_MODULE_INIT() {
  bool (*const subjects[])(napi_env, napi_value) = {
      cpu_init,       descriptor_init, futex_init,          lock_init, memory_init, queue_init,
      semaphore_init, socket_init,     socket_message_init, sysv_init, watch_init,
  };
  for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
    if (!subjects[i](env, exports)) return throw_runtime_error(env, "@ipc/native");
  return exports;
}
