/**
 * Throwing. Every function leaves one JavaScript exception pending and returns NULL, so that a binding
 * ends with `return throw_errno(...)`.
 */
#pragma once

#define NAPI_VERSION 9
#include <node_api.h>

#define COLD __attribute__((cold, noinline))
#define FORMAT(string_index, first) __attribute__((format(printf, string_index, first)))

/** An operating-system condition: an Error with `code`, `errno` (negative) and `syscall`, as Node's own. */
COLD napi_value throw_error_number(napi_env env, int error, const char *syscall, const char *subject);

/** `throw_error_number` of the current errno; `subject` (a path, a name) may be NULL. */
COLD napi_value throw_errno(napi_env env, const char *syscall, const char *subject);

/** A caller's bug: a bare TypeError. */
COLD napi_value throw_type_error(napi_env env, const char *format, ...) FORMAT(2, 3);

/** A caller's bug: a bare RangeError. */
COLD napi_value throw_range_error(napi_env env, const char *format, ...) FORMAT(2, 3);

/** The runtime lacks something: an Error with code ERR_IPC_UNSUPPORTED. */
COLD napi_value throw_unsupported(napi_env env, const char *format, ...) FORMAT(2, 3);

/** Node-API refused a call that cannot fail on correct arguments; keeps an exception that is pending already. */
COLD napi_value throw_runtime_error(napi_env env, const char *call);
