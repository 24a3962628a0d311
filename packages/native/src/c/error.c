/** Errors shaped as Node's own: `ENOENT: no such file or directory, open '/x'`, with code, errno and syscall. */
#include "error.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/** `strerrorname_np` would do, but needs glibc 2.32 and is absent from musl. */
static const char *error_name(int error) {
  switch (error) {
#define NAME(code) \
  case code:       \
    return #code;
    NAME(E2BIG) NAME(EACCES) NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(EAFNOSUPPORT) NAME(EAGAIN)
    NAME(EALREADY) NAME(EBADF) NAME(EBADMSG) NAME(EBUSY) NAME(ECANCELED) NAME(ECHILD)
    NAME(ECONNABORTED) NAME(ECONNREFUSED) NAME(ECONNRESET) NAME(EDEADLK) NAME(EDESTADDRREQ)
    NAME(EDQUOT) NAME(EEXIST) NAME(EFAULT) NAME(EFBIG) NAME(EIDRM) NAME(EILSEQ) NAME(EINPROGRESS)
    NAME(EINTR) NAME(EINVAL) NAME(EIO) NAME(EISCONN) NAME(EISDIR) NAME(ELOOP) NAME(EMFILE)
    NAME(EMLINK) NAME(EMSGSIZE) NAME(ENAMETOOLONG) NAME(ENFILE) NAME(ENOBUFS) NAME(ENODATA)
    NAME(ENODEV) NAME(ENOENT) NAME(ENOEXEC) NAME(ENOLCK) NAME(ENOMEM) NAME(ENOMSG)
    NAME(ENOPROTOOPT) NAME(ENOSPC) NAME(ENOSYS) NAME(ENOTCONN) NAME(ENOTDIR) NAME(ENOTEMPTY)
    NAME(ENOTRECOVERABLE) NAME(ENOTSOCK) NAME(ENOTSUP) NAME(ENOTTY) NAME(ENXIO) NAME(EOVERFLOW)
    NAME(EOWNERDEAD) NAME(EPERM) NAME(EPIPE) NAME(EPROTO) NAME(EPROTONOSUPPORT) NAME(EPROTOTYPE)
    NAME(ERANGE) NAME(EROFS) NAME(ESHUTDOWN) NAME(ESPIPE) NAME(ESRCH) NAME(ESTALE) NAME(ETIMEDOUT)
    NAME(ETOOMANYREFS) NAME(ETXTBSY) NAME(EUSERS) NAME(EXDEV)
#undef NAME
    default:
      return "EUNKNOWN";
  }
}

/** Node (libuv) writes the texts of strerror(3) with a small first letter. */
static void error_text(int error, char *text, size_t size) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  snprintf(text, size, "%s", c ? strerror_l(error, c) : "unknown error");
  if (c) freelocale(c);
  if (text[0] && islower((unsigned char)text[1])) text[0] = (char)tolower((unsigned char)text[0]);
}

static napi_value string(napi_env env, const char *text) {
  napi_value value = NULL;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

napi_value throw_error_number(napi_env env, int error, const char *syscall, const char *subject) {
  char text[128];
  error_text(error, text, sizeof text);
  char message[512];
  if (subject)
    snprintf(message, sizeof message, "%s: %s, %s '%.256s'", error_name(error), text, syscall, subject);
  else
    snprintf(message, sizeof message, "%s: %s, %s", error_name(error), text, syscall);

  napi_value exception, number;
  if (napi_create_error(env, string(env, error_name(error)), string(env, message), &exception) != napi_ok ||
      napi_create_int32(env, -error, &number) != napi_ok)
    return throw_runtime_error(env, syscall);
  napi_set_named_property(env, exception, "errno", number);
  napi_set_named_property(env, exception, "syscall", string(env, syscall));
  napi_throw(env, exception);
  return NULL;
}

napi_value throw_errno(napi_env env, const char *syscall, const char *subject) {
  return throw_error_number(env, errno, syscall, subject);
}

#define FORMAT_MESSAGE(message)                        \
  char message[512];                                   \
  va_list arguments;                                   \
  va_start(arguments, format);                         \
  vsnprintf(message, sizeof message, format, arguments); \
  va_end(arguments)

napi_value throw_type_error(napi_env env, const char *format, ...) {
  FORMAT_MESSAGE(message);
  napi_throw_type_error(env, NULL, message);
  return NULL;
}

napi_value throw_range_error(napi_env env, const char *format, ...) {
  FORMAT_MESSAGE(message);
  napi_throw_range_error(env, NULL, message);
  return NULL;
}

napi_value throw_unsupported(napi_env env, const char *format, ...) {
  FORMAT_MESSAGE(message);
  napi_throw_error(env, "ERR_IPC_UNSUPPORTED", message);
  return NULL;
}

napi_value throw_runtime_error(napi_env env, const char *call) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) return NULL;
  char message[128];
  snprintf(message, sizeof message, "%s: the runtime refused the call", call);
  napi_throw_error(env, NULL, message);
  return NULL;
}
