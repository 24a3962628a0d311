/**
 * Shared memory: shm_overview(7), memfd_create(2), mmap(2).
 *
 * A mapping becomes a SharedArrayBuffer where the runtime can wrap foreign memory in one, else an ArrayBuffer. It
 * lives until the runtime has dropped the buffer and every view of it; only then is it unmapped, because a view of
 * unmapped memory is a crash. `unmap` is the early way out for an ArrayBuffer: it detaches the buffer first.
 *
 * The table of mappings (mapping.c) is the process's, not the environment's: a SharedArrayBuffer may be passed to a
 * worker and outlive the thread that made it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"
#include "mapping.h"

static void release_unshared(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  mapping_release(hint);
}

static void release_shared(void *data, void *hint) {
  (void)data;
  mapping_release(hint);
}

/** V8 counts the bytes of an external ArrayBuffer by itself, those of a shared one it does not. */
static void uncount_shared(napi_env env, void *data, void *hint) {
  (void)data;
  int64_t total;
  napi_adjust_external_memory(env, -(int64_t)(uintptr_t)hint, &total);
}

typedef napi_status (*create_external_shared)(napi_env, void *, size_t, void (*)(void *, void *), void *, napi_value *);

static napi_value wrap(napi_env env, struct mapping *mapping) {
  void *address = atomic_load(&mapping->address);
  const size_t bytes = atomic_load(&mapping->bytes);
  static const char symbol[] = "node_api_create_external_sharedarraybuffer";
  create_external_shared create_shared;
  *(void **)&create_shared = dlsym(RTLD_DEFAULT, symbol);
  napi_value buffer;
  napi_status status;
  if (create_shared) {
    status = create_shared(env, address, bytes, release_shared, mapping, &buffer);
    if (status == napi_ok) {
      int64_t total;
      if (napi_add_finalizer(env, buffer, NULL, uncount_shared, (void *)bytes, NULL) == napi_ok)
        napi_adjust_external_memory(env, (int64_t)bytes, &total);
      return buffer;
    }
  } else {
    status = napi_create_external_arraybuffer(env, address, bytes, release_unshared, mapping, &buffer);
    if (status == napi_ok) return buffer;
  }
  if (status != napi_no_external_buffers_allowed) {
    // Node has taken over the memory even when it fails (a length over its limit, say) and will call the finalizer.
    return throw_runtime_error(env, "mmap");
  }
  mapping_release(mapping);
  return throw_unsupported(env, "this runtime was built without external buffers: memory cannot be mapped into it");
}

static napi_value shared_open(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  struct text name;
  int flags, mode;
  if (!argument_text(env, argument[0], "name", "shm_open", &name) ||
      !argument_int(env, argument[1], "flags", 0, INT_MAX, &flags) ||
      !argument_int(env, argument[2], "mode", 0, 07777, &mode))
    return NULL;
  return js_descriptor(env, shm_open(name.chars, flags | O_CLOEXEC, (mode_t)mode), "shm_open", name.chars);
}

static napi_value shared_unlink(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct text name;
  if (!argument_text(env, argument[0], "name", "shm_unlink", &name)) return NULL;
  return shm_unlink(name.chars) < 0 ? throw_errno(env, "shm_unlink", name.chars) : js_undefined(env);
}

static napi_value create_memfd(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  struct text name;
  int64_t flags = 0;
  if (!argument_text(env, argument[0], "name", "memfd_create", &name) ||
      (!argument_is_undefined(env, argument[1]) &&
       !argument_integer(env, argument[1], "flags", 0, UINT32_MAX, &flags)))
    return NULL;
  return js_descriptor(env, memfd_create(name.chars, (unsigned)flags | MFD_CLOEXEC | MFD_ALLOW_SEALING),
                       "memfd_create", name.chars);
}

static napi_value allocate(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd;
  int64_t bytes;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_integer(env, argument[1], "bytes", 1, SAFE_INTEGER_MAX, &bytes))
    return NULL;
  // tmpfs gives up and undoes everything on a signal: a profiler's timer would make a large region never end.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int error = posix_fallocate(fd, 0, bytes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error ? throw_error_number(env, error, "posix_fallocate", NULL) : js_undefined(env);
}

static napi_value add_seals(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int fd, seals;
  if (!argument_fd(env, argument[0], "fd", &fd) || !argument_int(env, argument[1], "seals", 0, INT_MAX, &seals))
    return NULL;
  return fcntl(fd, F_ADD_SEALS, seals) < 0 ? throw_errno(env, "fcntl", NULL) : js_undefined(env);
}

static napi_value get_seals(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  int seals = fcntl(fd, F_GET_SEALS);
  return seals < 0 ? throw_errno(env, "fcntl", NULL) : js_int(env, seals);
}

static napi_value map(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int fd;
  int64_t bytes, offset;
  bool read_only, populate;
  if (!argument_fd(env, argument[0], "fd", &fd) ||
      !argument_integer(env, argument[1], "bytes", 1, SAFE_INTEGER_MAX, &bytes) ||
      !argument_boolean(env, argument[2], "readOnly", &read_only) ||
      !argument_boolean(env, argument[3], "populate", &populate) ||
      !argument_integer(env, argument[4], "offset", 0, SAFE_INTEGER_MAX, &offset))
    return NULL;
  struct stat status;
  if (fstat(fd, &status) < 0) return throw_errno(env, "fstat", NULL);
  if (S_ISREG(status.st_mode) && offset + bytes > status.st_size)
    return throw_range_error(env,
                             "offset %lld, bytes %lld: the file has %lld bytes, and touching a page behind its end "
                             "kills the process (SIGBUS)",
                             (long long)offset, (long long)bytes, (long long)status.st_size);

  struct mapping *mapping = mapping_create(fd, (size_t)bytes, offset, read_only, populate);
  if (!mapping) return throw_errno(env, "mmap", NULL);
  return wrap(env, mapping);
}

static napi_value unmap(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  bool detached = false;
  void *data;
  size_t bytes;
  if (napi_get_arraybuffer_info(env, argument[0], &data, &bytes) != napi_ok)
    return throw_type_error(env, "buffer: expected an ArrayBuffer or a SharedArrayBuffer from map()");
  if (napi_is_detached_arraybuffer(env, argument[0], &detached) == napi_ok && detached) return js_undefined(env);
  struct mapping *mapping = mapping_at(data);
  if (!mapping || atomic_load(&mapping->bytes) != bytes) return throw_type_error(env, "buffer: expected one from map()");
  if (napi_detach_arraybuffer(env, argument[0]) != napi_ok) return throw_runtime_error(env, "munmap");
  mapping_unmap(mapping);
  return js_undefined(env);
}

/** The live mapping of ours that a whole-buffer view shows. */
static struct mapping *argument_mapping(napi_env env, napi_value view) {
  struct view whole;
  if (!argument_view(env, view, "buffer", napi_uint8_array, &whole)) return NULL;
  struct mapping *mapping = mapping_at(whole.data);
  if (mapping && atomic_load(&mapping->bytes) == whole.length) return mapping;
  throw_type_error(env, "buffer: expected one from map() that is not unmapped");
  return NULL;
}

/** A range of a mapping of ours: msync or madvise on other memory could destroy it. */
static bool argument_mapped(napi_env env, napi_value view, napi_value offset, napi_value length,
                            struct bytes *range) {
  if (!argument_mapping(env, view)) return false;
  if (!argument_bytes(env, view, offset, length, range)) return false;
  size_t into_page = (uintptr_t)range->data % (size_t)sysconf(_SC_PAGESIZE);
  range->data -= into_page;
  range->length += into_page;
  return true;
}

static napi_value sync_mapping(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  struct bytes range;
  if (!argument_mapped(env, argument[0], argument[1], argument[2], &range)) return NULL;
  return msync(range.data, range.length, MS_SYNC) < 0 ? throw_errno(env, "msync", NULL) : js_undefined(env);
}

static napi_value lock_mapping(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  struct bytes range;
  if (!argument_mapped(env, argument[0], argument[1], argument[2], &range)) return NULL;
  return mlock(range.data, range.length) < 0 ? throw_errno(env, "mlock", NULL) : js_undefined(env);
}

static napi_value advise_mapping(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  static const char *const names[] = {"normal",    "random",       "sequential", "will-need", "dont-need",
                                      "huge-page", "no-huge-page", "dont-fork",  "dont-dump", NULL};
  static const int advices[] = {MADV_NORMAL,   MADV_RANDOM,     MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED,
                                MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK,   MADV_DONTDUMP};
  struct bytes range;
  int advice;
  if (!argument_mapped(env, argument[0], argument[1], argument[2], &range) ||
      !argument_choice(env, argument[3], "advice", names, &advice))
    return NULL;
  return madvise(range.data, range.length, advices[advice]) < 0 ? throw_errno(env, "madvise", NULL)
                                                                : js_undefined(env);
}

static napi_value lost_pages(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  const struct mapping *mapping = argument_mapping(env, argument[0]);
  return mapping ? js_number(env, atomic_load(&mapping->lost_pages)) : NULL;
}

bool memory_init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      FUNCTION("shmOpen", shared_open),
      FUNCTION("shmUnlink", shared_unlink),
      FUNCTION("memfdCreate", create_memfd),
      FUNCTION("allocate", allocate),
      FUNCTION("addSeals", add_seals),
      FUNCTION("getSeals", get_seals),
      FUNCTION("map", map),
      FUNCTION("unmap", unmap),
      FUNCTION("sync", sync_mapping),
      FUNCTION("lock", lock_mapping),
      FUNCTION("advise", advise_mapping),
      FUNCTION("lostPages", lost_pages),
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
