/** An addon that has nothing to do with ours, and a SIGBUS of its own. */
#define NAPI_VERSION 9
#include <node_api.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static void give_up(int signal) {
  (void)signal;
  _exit(7);
}

/** Handles SIGBUS by ending the process with exit code 7. */
static napi_value handle(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  signal(SIGBUS, give_up);
  return NULL;
}

/** Reads behind the end of an empty file. */
static napi_value fault(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  const volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd_create("foreign", 0), 0);
  (void)page[0];
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"handle", NULL, handle, NULL, NULL, NULL, napi_enumerable, NULL},
      {"fault", NULL, fault, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  return napi_define_properties(env, exports, 2, functions) == napi_ok ? exports : NULL;
}
