/** File locks: open file description locks (fcntl(2), F_OFD_*) on byte ranges, and flock(2) on whole files. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "addon.h"
#include "args.h"
#include "retry.h"

static const char *const kinds[] = {"shared", "exclusive", "unlock", NULL};
static const short record_types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
static const int whole_file_operations[] = {LOCK_SH, LOCK_EX, LOCK_UN};

static bool argument_record(napi_env env, napi_callback_info info, int *fd, struct flock *record) {
  napi_value argument[4];
  size_t count = 4;
  int kind;
  int64_t start, length;
  if (napi_get_cb_info(env, info, &count, argument, NULL, NULL) != napi_ok ||
      !argument_fd(env, argument[0], "fd", fd) || !argument_choice(env, argument[1], "kind", kinds, &kind) ||
      !argument_integer(env, argument[2], "start", 0, SAFE_INTEGER_MAX, &start) ||
      !argument_integer(env, argument[3], "length", 0, SAFE_INTEGER_MAX, &length))
    return false;
  *record = (struct flock){.l_type = record_types[kind], .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return true;
}

static napi_value ofd_lock(napi_env env, napi_callback_info info) {
  int fd, result;
  struct flock record;
  if (!argument_record(env, info, &fd, &record)) return NULL;
  RETRY(result, fcntl(fd, F_OFD_SETLK, &record));
  if (result == 0) return js_boolean(env, true);
  return errno == EAGAIN || errno == EACCES ? js_boolean(env, false) : throw_errno(env, "fcntl", NULL);
}

static napi_value ofd_holder(napi_env env, napi_callback_info info) {
  int fd;
  struct flock record;
  if (!argument_record(env, info, &fd, &record)) return NULL;
  if (record.l_type == F_UNLCK) return throw_type_error(env, "kind: expected one of 'shared', 'exclusive'");
  if (fcntl(fd, F_OFD_GETLK, &record) < 0) return throw_errno(env, "fcntl", NULL);
  return js_boolean(env, record.l_type != F_UNLCK);
}

static napi_value flock_file(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd, kind, result;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_choice(env, argument[1], "kind", kinds, &kind))
    return NULL;
  RETRY(result, flock(fd, whole_file_operations[kind] | LOCK_NB));
  if (result == 0) return js_boolean(env, true);
  return errno == EWOULDBLOCK ? js_boolean(env, false) : throw_errno(env, "flock", NULL);
}

bool lock_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("ofdLock", ofd_lock),
      FUNCTION("ofdHolder", ofd_holder),
      FUNCTION("flock", flock_file),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
