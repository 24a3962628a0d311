/** The out-of-line half of args.h: failures, strings, lists. */
#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void argument_is_no_number(napi_env env, const char *name, int64_t minimum, int64_t maximum) {
  throw_type_error(env, "%s: expected an integer from %lld to %lld", name, (long long)minimum, (long long)maximum);
}

void argument_out_of_range(napi_env env, const char *name, int64_t minimum, int64_t maximum, double actual) {
  throw_range_error(env, "%s: expected an integer from %lld to %lld, got %.17g", name, (long long)minimum,
                    (long long)maximum, actual);
}

void argument_is_no_view(napi_env env, const char *name, napi_typedarray_type type) {
  const char *kind = type == napi_uint8_array    ? "a Uint8Array"
                     : type == napi_int16_array  ? "an Int16Array"
                     : type == napi_int32_array  ? "an Int32Array"
                     : type == napi_uint32_array ? "a Uint32Array"
                     : type == napi_float64_array ? "a Float64Array"
                                                 : "a typed array";
  throw_type_error(env, "%s: expected %s", name, kind);
}

void argument_outside_view(napi_env env, double offset, double length, size_t view_length) {
  throw_range_error(env, "offset %.17g, length %.17g: expected integers that lie inside the %zu bytes", offset, length,
                    view_length);
}

bool argument_text(napi_env env, napi_value value, const char *name, const char *syscall, struct text *result) {
  if (napi_get_value_string_utf8(env, value, NULL, 0, &result->length) != napi_ok) {
    throw_type_error(env, "%s: expected a string", name);
    return false;
  }
  size_t bytes = result->length;
  napi_get_value_string_utf8(env, value, result->chars, sizeof result->chars, &result->length);
  if (strlen(result->chars) != result->length) {
    throw_type_error(env, "%s: expected a string without NUL", name);
    return false;
  }
  if (bytes >= sizeof result->chars) {
    throw_error_number(env, ENAMETOOLONG, syscall, result->chars);
    return false;
  }
  return true;
}

bool argument_boolean(napi_env env, napi_value value, const char *name, bool *result) {
  if (napi_get_value_bool(env, value, result) == napi_ok) return true;
  throw_type_error(env, "%s: expected a boolean", name);
  return false;
}

bool argument_is_undefined(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_undefined;
}

bool argument_choice(napi_env env, napi_value value, const char *name, const char *const *choices, int *result) {
  char chosen[16] = "";
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, chosen, sizeof chosen, &length) == napi_ok)
    for (int i = 0; choices[i]; i++)
      if (strlen(choices[i]) == length && memcmp(choices[i], chosen, length) == 0) {
        *result = i;
        return true;
      }
  char list[128] = "";
  for (int i = 0; choices[i]; i++) {
    size_t at = strlen(list);
    snprintf(list + at, sizeof list - at, "%s'%s'", i ? ", " : "", choices[i]);
  }
  throw_type_error(env, "%s: expected one of %s", name, list);
  return false;
}

bool argument_timeout(napi_env env, napi_value value, double *milliseconds) {
  if (napi_get_value_double(env, value, milliseconds) != napi_ok) {
    throw_type_error(env, "timeoutMs: expected a number of milliseconds, or -1 to wait for ever");
    return false;
  }
  if (*milliseconds == -1 || (*milliseconds >= 0 && *milliseconds <= (double)SAFE_INTEGER_MAX / 1000)) return true;
  throw_range_error(env, "timeoutMs: expected -1 or a number >= 0, got %.17g", *milliseconds);
  return false;
}

bool argument_array(napi_env env, napi_value value, const char *name, uint32_t maximum, uint32_t *length) {
  bool is_array = false;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, value, length) != napi_ok) {
    throw_type_error(env, "%s: expected an array", name);
    return false;
  }
  if (*length <= maximum) return true;
  throw_range_error(env, "%s: expected at most %u elements, got %u", name, maximum, *length);
  return false;
}

napi_value js_int_array(napi_env env, const int *numbers, size_t count) {
  napi_value array;
  if (napi_create_array_with_length(env, count, &array) != napi_ok) return throw_runtime_error(env, "array");
  for (size_t i = 0; i < count; i++)
    if (napi_set_element(env, array, (uint32_t)i, js_int(env, numbers[i])) != napi_ok)
      return throw_runtime_error(env, "array");
  return array;
}

napi_value js_descriptor_pair(napi_env env, const int pair[2]) {
  napi_value array = js_int_array(env, pair, 2);
  if (!array) {
    close(pair[0]);
    close(pair[1]);
  }
  return array;
}
