/**
 * Shared memory: shm_overview(7), memfd_create(2), mmap(2).
 *
 * A mapping becomes a SharedArrayBuffer where the runtime can wrap foreign memory in one, else an ArrayBuffer. It
 * lives until the runtime has dropped the buffer and every view of it; only then is it unmapped, because a view of
 * unmapped memory is a crash. `unmap` is the early way out for an ArrayBuffer: it detaches the buffer first.
 *
 * The table of mappings is the process's, not the environment's: a SharedArrayBuffer may be passed to a worker and
 * outlive the thread that made it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addon.h"
#include "args.h"

struct mapping {
  void *address;  // NULL once unmapped
  size_t bytes;
  struct mapping *next;
};

static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mapping *mappings;

static void remember(struct mapping *mapping) {
  pthread_mutex_lock(&mappings_lock);
  mapping->next = mappings;
  mappings = mapping;
  pthread_mutex_unlock(&mappings_lock);
}

static void unmap_once(struct mapping *mapping) {
  pthread_mutex_lock(&mappings_lock);
  if (mapping->address) {
    for (struct mapping **link = &mappings; *link; link = &(*link)->next)
      if (*link == mapping) {
        *link = mapping->next;
        break;
      }
    munmap(mapping->address, mapping->bytes);
    mapping->address = NULL;
  }
  pthread_mutex_unlock(&mappings_lock);
}

/** The mapping that starts at `address`, or NULL. */
static struct mapping *find_mapping(const void *address) {
  pthread_mutex_lock(&mappings_lock);
  struct mapping *mapping = mappings;
  while (mapping && mapping->address != address) mapping = mapping->next;
  pthread_mutex_unlock(&mappings_lock);
  return address ? mapping : NULL;
}

/** The last reference to the memory is gone. Any thread. */
static void release(struct mapping *mapping) {
  unmap_once(mapping);
  free(mapping);
}

static void release_unshared(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  release(hint);
}

static void release_shared(void *data, void *hint) {
  (void)data;
  release(hint);
}

/** V8 counts the bytes of an external ArrayBuffer by itself, those of a shared one it does not. */
static void uncount_shared(napi_env env, void *data, void *hint) {
  (void)data;
  int64_t total;
  napi_adjust_external_memory(env, -(int64_t)(uintptr_t)hint, &total);
}

typedef napi_status (*create_external_shared)(napi_env, void *, size_t, void (*)(void *, void *), void *, napi_value *);

static napi_value wrap(napi_env env, struct mapping *mapping) {
  static const char symbol[] = "node_api_create_external_sharedarraybuffer";
  create_external_shared create_shared;
  *(void **)&create_shared = dlsym(RTLD_DEFAULT, symbol);
  napi_value buffer;
  napi_status status;
  if (create_shared) {
    status = create_shared(env, mapping->address, mapping->bytes, release_shared, mapping, &buffer);
    if (status == napi_ok) {
      int64_t total;
      if (napi_add_finalizer(env, buffer, NULL, uncount_shared, (void *)mapping->bytes, NULL) == napi_ok)
        napi_adjust_external_memory(env, (int64_t)mapping->bytes, &total);
      return buffer;
    }
  } else {
    status = napi_create_external_arraybuffer(env, mapping->address, mapping->bytes, release_unshared, mapping, &buffer);
    if (status == napi_ok) return buffer;
  }
  if (status != napi_no_external_buffers_allowed) {
    // Node has taken over the memory even when it fails (a length over its limit, say) and will call `release`.
    return throw_runtime_error(env, "mmap");
  }
  release(mapping);
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

  struct mapping *mapping = malloc(sizeof *mapping);
  if (!mapping) return throw_error_number(env, ENOMEM, "mmap", NULL);
  void *address = mmap(NULL, (size_t)bytes, PROT_READ | (read_only ? 0 : PROT_WRITE),
                       MAP_SHARED | (populate ? MAP_POPULATE : 0), fd, offset);
  if (address == MAP_FAILED) {
    free(mapping);
    return throw_errno(env, "mmap", NULL);
  }
  *mapping = (struct mapping){.address = address, .bytes = (size_t)bytes};
  remember(mapping);
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
  struct mapping *mapping = find_mapping(data);
  if (!mapping || mapping->bytes != bytes) return throw_type_error(env, "buffer: expected one from map()");
  if (napi_detach_arraybuffer(env, argument[0]) != napi_ok) return throw_runtime_error(env, "munmap");
  unmap_once(mapping);
  return js_undefined(env);
}

/** A range of a whole-buffer view of a live mapping of ours: msync or madvise on other memory could destroy it. */
static bool argument_mapped(napi_env env, napi_value view, napi_value offset, napi_value length,
                            struct bytes *range) {
  struct view whole;
  if (!argument_view(env, view, "buffer", napi_uint8_array, &whole)) return false;
  const struct mapping *mapping = find_mapping(whole.data);
  if (!mapping || mapping->bytes != whole.length) {
    throw_type_error(env, "buffer: expected one from map() that is not unmapped");
    return false;
  }
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
  };
  return DEFINE_FUNCTIONS(env, exports, functions);
}
