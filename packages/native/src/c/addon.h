/** What the subjects of the addon share: how each puts its functions on `exports`. */
#pragma once

#define NAPI_VERSION 9
#include <node_api.h>
#include <stdbool.h>

#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}

/** Defines a table of FUNCTIONs. */
#define DEFINE_FUNCTIONS(env, exports, table) \
  (napi_define_properties(env, exports, sizeof(table) / sizeof(table)[0], table) == napi_ok)

bool cpu_init(napi_env env, napi_value exports);
bool descriptor_init(napi_env env, napi_value exports);
bool futex_init(napi_env env, napi_value exports);
bool lock_init(napi_env env, napi_value exports);
bool memory_init(napi_env env, napi_value exports);
bool message_box_init(napi_env env, napi_value exports);
bool message_waiter_init(napi_env env, napi_value exports);
bool owned_descriptors_init(napi_env env, napi_value exports);
bool queue_init(napi_env env, napi_value exports);
bool semaphore_init(napi_env env, napi_value exports);
bool socket_init(napi_env env, napi_value exports);
bool socket_message_init(napi_env env, napi_value exports);
bool sysv_init(napi_env env, napi_value exports);
bool transfer_init(napi_env env, napi_value exports);
bool watch_init(napi_env env, napi_value exports);
