/**
 * The entry of the addon. It runs once per environment (main thread, each worker). The only state is what an environment owns,
 * its watches (watch.c) and the fds it leaves to be closed (owned-descriptors.c), and the process's table of mappings
 * (mapping.c). It stays loaded when the last environment that uses it ends (-z nodelete): signal handlers point into it.
 */
#include "addon.h"

#include "error.h"

NAPI_MODULE_INIT() {
  bool (*const subjects[])(napi_env, napi_value) = {
      cpu_init,       descriptor_init,     futex_init,
      lock_init,      memory_init,         message_box_init,
      message_waiter_init, owned_descriptors_init, queue_init,
      semaphore_init, socket_init,         socket_message_init,
      sysv_init,      transfer_init,       watch_init,
  };
  for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
    if (!subjects[i](env, exports)) return throw_runtime_error(env, "@ipc/native");
  return exports;
}
