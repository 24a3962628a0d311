/**
 * Checked arguments. Each `argument_*` returns true and fills its result, or throws (TypeError: wrong kind,
 * RangeError: outside its range) and returns false; nothing here aborts the process. They are inline with their
 * failures out of line: on a hot path a checked number costs one Node-API call and two compares.
 */
#pragma once

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/** The largest integer a JavaScript number holds exactly, 2^53 - 1. */
#define SAFE_INTEGER_MAX INT64_C(9007199254740991)

/** Declares `argument[n]`, filled from the call; missing ones are undefined. */
#define ARGUMENTS(n)                                                                            \
  napi_value argument[n];                                                                       \
  size_t argument_count = n;                                                                    \
  if (napi_get_cb_info(env, info, &argument_count, argument, NULL, NULL) != napi_ok) return NULL

/** A range of bytes inside a typed array, or a whole string. */
struct bytes {
  uint8_t *data;
  size_t length;
};

/** A string argument without NUL bytes. Longer than a path can be is ENAMETOOLONG. */
struct text {
  char chars[PATH_MAX];
  size_t length;
};

/** A typed array; `length` counts elements. */
struct view {
  void *data;
  size_t length;
};

// The out-of-line halves. They return nothing, so that the compiler sees `false` follow each of them.
COLD void argument_is_no_number(napi_env env, const char *name, int64_t minimum, int64_t maximum);
COLD void argument_out_of_range(napi_env env, const char *name, int64_t minimum, int64_t maximum, double actual);
COLD void argument_is_no_view(napi_env env, const char *name, napi_typedarray_type type);
COLD void argument_outside_view(napi_env env, double offset, double length, size_t view_length);

bool argument_text(napi_env env, napi_value value, const char *name, const char *syscall, struct text *result);
bool argument_boolean(napi_env env, napi_value value, const char *name, bool *result);
bool argument_is_undefined(napi_env env, napi_value value);

/** One of a NULL-terminated list of strings; the result is its index. */
bool argument_choice(napi_env env, napi_value value, const char *name, const char *const *choices, int *result);

/** Milliseconds to wait: a number >= 0, fractions allowed, or -1 for ever. */
bool argument_timeout(napi_env env, napi_value value, double *milliseconds);

/** Fails (throwing) unless `value` is an array; `length` is its length. */
bool argument_array(napi_env env, napi_value value, const char *name, uint32_t maximum, uint32_t *length);

static inline bool argument_integer(napi_env env, napi_value value, const char *name, int64_t minimum,
                                    int64_t maximum, int64_t *result) {
  double number;
  if (__builtin_expect(napi_get_value_double(env, value, &number) != napi_ok, 0))
    return argument_is_no_number(env, name, minimum, maximum), false;
  // The first compare is false for NaN too, and keeps the conversion below inside int64.
  if (__builtin_expect(!(number >= (double)minimum && number <= (double)maximum) || (double)(int64_t)number != number, 0))
    return argument_out_of_range(env, name, minimum, maximum, number), false;
  *result = (int64_t)number;
  return true;
}

static inline bool argument_int(napi_env env, napi_value value, const char *name, int minimum, int maximum,
                                int *result) {
  int64_t number;
  if (!argument_integer(env, value, name, minimum, maximum, &number)) return false;
  *result = (int)number;
  return true;
}

static inline bool argument_fd(napi_env env, napi_value value, const char *name, int *result) {
  return argument_int(env, value, name, 0, INT_MAX, result);
}

static inline bool argument_view(napi_env env, napi_value value, const char *name, napi_typedarray_type type,
                                 struct view *result) {
  napi_typedarray_type actual;
  if (__builtin_expect(napi_get_typedarray_info(env, value, &actual, &result->length, &result->data, NULL, NULL) !=
                               napi_ok || actual != type, 0))
    return argument_is_no_view(env, name, type), false;
  // An empty array may have no address at all, which several functions of the C library are declared not to take.
  static uint64_t nothing;
  if (__builtin_expect(!result->data, 0)) result->data = &nothing;
  return true;
}

/** How far into a view, 0..length. */
static inline bool argument_index(napi_env env, napi_value value, const char *name, size_t length, int *result) {
  return argument_int(env, value, name, 0, length < INT_MAX ? (int)length : INT_MAX, result);
}

/** The bytes [offset, offset + length) of a Uint8Array, checked against its bounds. */
static inline bool argument_bytes(napi_env env, napi_value array, napi_value offset_value, napi_value length_value,
                                  struct bytes *result) {
  struct view view;
  double offset, length;
  if (!argument_view(env, array, "bytes", napi_uint8_array, &view)) return false;
  if (__builtin_expect(napi_get_value_double(env, offset_value, &offset) != napi_ok, 0))
    return argument_is_no_number(env, "offset", 0, (int64_t)view.length), false;
  if (__builtin_expect(napi_get_value_double(env, length_value, &length) != napi_ok, 0))
    return argument_is_no_number(env, "length", 0, (int64_t)view.length), false;
  double end = (double)view.length;
  if (__builtin_expect(!(offset >= 0 && length >= 0 && offset <= end && length <= end - offset) ||
                               (double)(int64_t)offset != offset || (double)(int64_t)length != length, 0))
    return argument_outside_view(env, offset, length, view.length), false;
  result->data = (uint8_t *)view.data + (size_t)offset;
  result->length = (size_t)length;
  return true;
}

static inline napi_value js_int(napi_env env, int32_t number) {
  napi_value value = NULL;
  napi_create_int32(env, number, &value);
  return value;
}

static inline napi_value js_number(napi_env env, double number) {
  napi_value value = NULL;
  napi_create_double(env, number, &value);
  return value;
}

static inline napi_value js_boolean(napi_env env, bool boolean) {
  napi_value value = NULL;
  napi_get_boolean(env, boolean, &value);
  return value;
}

static inline napi_value js_undefined(napi_env env) {
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

/** A JavaScript array of `count` small integers. */
napi_value js_int_array(napi_env env, const int *numbers, size_t count);

/** Two fds that were just opened, as an array; closes them if the runtime has no memory for it. */
napi_value js_descriptor_pair(napi_env env, const int pair[2]);

/** A fresh fd or -1: wraps the ending of every function that opens something. */
static inline napi_value js_descriptor(napi_env env, int fd, const char *syscall, const char *subject) {
  return fd < 0 ? throw_errno(env, syscall, subject) : js_int(env, fd);
}
