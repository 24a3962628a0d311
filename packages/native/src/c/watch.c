/**
 * An fd on the event loop: libuv's uv_poll_t as a JavaScript class.
 *
 * Lifetime. A watch that waits for something is held by the loop (strong references to the object and its callback);
 * a stopped one is held by JavaScript alone, and its collection closes it. The memory goes when both halves are gone:
 * the JavaScript object (finalize) and the libuv handle (on_closed). When the environment ends (process, worker), the
 * asynchronous cleanup hook closes what is open and lets the loop run until libuv has let go of every handle.
 *
 * libuv's header is not part of node-api-headers; the few functions used here have been stable since libuv 1.0 and are
 * found at run time. (Bun and Deno have the names, but not all that is behind them: watch.ts does not call this there.)
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "addon.h"
#include "args.h"

enum { READABLE = 1, WRITABLE = 2, DISCONNECT = 4, FAILED = 8, EVENTS = READABLE | WRITABLE | DISCONNECT };

/** UV_POLL in uv_handle_type. */
#define UV_POLL 8

typedef struct uv_poll_s uv_poll_t;  // opaque; its size is asked for at run time

static struct {
  size_t (*handle_size)(int type);
  int (*poll_init)(struct uv_loop_s *loop, uv_poll_t *handle, int fd);
  int (*poll_start)(uv_poll_t *handle, int events, void (*callback)(uv_poll_t *, int status, int events));
  int (*poll_stop)(uv_poll_t *handle);
  void (*close)(uv_poll_t *handle, void (*callback)(uv_poll_t *));
  void (*ref)(uv_poll_t *handle);
  void (*unref)(uv_poll_t *handle);
  void (*handle_set_data)(uv_poll_t *handle, void *data);
  void *(*handle_get_data)(const uv_poll_t *handle);
} uv;

/** The watches of one environment. */
struct watches {
  struct watch *first;
  struct uv_loop_s *loop;
  napi_async_cleanup_hook_handle hook;  // since the first watch
  napi_ref class;
  bool ending;
};

struct watch {
  struct watches *owner;
  struct watch *next, **link;  // in owner's list while the handle is not closed
  napi_env env;
  napi_ref self, callback;
  napi_async_context context;
  int events;      // what libuv waits for; 0 = stopped
  bool closing;    // uv_close was called
  bool closed;     // libuv has let go of the handle
  bool finalized;  // JavaScript has let go of the object
  _Alignas(16) char handle[];
};

static const napi_type_tag watch_tag = {0x5d3f6b0a1c2e4f77, 0x9a1be7d2c3408865};

static uv_poll_t *handle_of(struct watch *watch) { return (uv_poll_t *)watch->handle; }

static bool find_libuv(void) {
  const struct {
    void **function;
    const char *symbol;
  } symbols[] = {
      {(void **)&uv.handle_size, "uv_handle_size"},         {(void **)&uv.poll_init, "uv_poll_init"},
      {(void **)&uv.poll_start, "uv_poll_start"},           {(void **)&uv.poll_stop, "uv_poll_stop"},
      {(void **)&uv.close, "uv_close"},                     {(void **)&uv.ref, "uv_ref"},
      {(void **)&uv.unref, "uv_unref"},                     {(void **)&uv.handle_set_data, "uv_handle_set_data"},
      {(void **)&uv.handle_get_data, "uv_handle_get_data"},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
    if (!(*symbols[i].function = dlsym(RTLD_DEFAULT, symbols[i].symbol))) return false;
  return true;
}

static void free_when_unused(struct watch *watch) {
  if (watch->closed && watch->finalized) free(watch);
}

static void on_closed(uv_poll_t *handle) {
  struct watch *watch = uv.handle_get_data(handle);
  struct watches *owner = watch->owner;
  *watch->link = watch->next;
  if (watch->next) watch->next->link = watch->link;
  watch->closed = true;
  free_when_unused(watch);
  if (owner->ending && !owner->first) napi_remove_async_cleanup_hook(owner->hook);
}

static void close_handle(struct watch *watch) {
  if (watch->closing) return;
  watch->closing = true;
  uv.close(handle_of(watch), on_closed);
}

/** Records what libuv waits for, and holds the object and its callback as long as that is anything. */
static void set_events(struct watch *watch, int events) {
  uint32_t count;
  if (events && !watch->events) {
    napi_reference_ref(watch->env, watch->self, &count);
    napi_reference_ref(watch->env, watch->callback, &count);
  } else if (!events && watch->events) {
    napi_reference_unref(watch->env, watch->self, &count);
    napi_reference_unref(watch->env, watch->callback, &count);
  }
  watch->events = events;
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  struct watch *watch = uv.handle_get_data(handle);
  napi_env env = watch->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value self, callback, readiness = js_int(env, status < 0 ? FAILED : events & EVENTS), result;
  if (napi_get_reference_value(env, watch->self, &self) == napi_ok && self &&
      napi_get_reference_value(env, watch->callback, &callback) == napi_ok && callback && readiness) {
    // libuv has stopped a handle that failed.
    if (status < 0) set_events(watch, 0);
    bool pending = false;
    if (napi_make_callback(env, watch->context, self, callback, 1, &readiness, &result) != napi_ok &&
        napi_is_exception_pending(env, &pending) == napi_ok && pending) {
      napi_value exception;
      if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
    }
  }
  napi_close_handle_scope(env, scope);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)hint;
  struct watch *watch = data;
  napi_delete_reference(env, watch->self);
  napi_delete_reference(env, watch->callback);
  napi_async_destroy(env, watch->context);
  watch->finalized = true;
  if (watch->closed)
    free_when_unused(watch);
  else
    close_handle(watch);
}

/** The environment ends: nothing may call into JavaScript any more, and libuv must let go of every handle. */
static void end(napi_async_cleanup_hook_handle hook, void *data) {
  struct watches *watches = data;
  watches->ending = true;
  if (!watches->first) {
    napi_remove_async_cleanup_hook(hook);
    return;
  }
  for (struct watch *watch = watches->first; watch; watch = watch->next) close_handle(watch);
}

static napi_value construct(napi_env env, napi_callback_info info) {
  napi_value argument[2], self, target;
  size_t count = 2;
  struct watches *owner;
  if (napi_get_cb_info(env, info, &count, argument, &self, (void **)&owner) != napi_ok ||
      napi_get_new_target(env, info, &target) != napi_ok)
    return NULL;
  if (!target) return throw_type_error(env, "Watch: expected a call with new");
  int fd;
  napi_valuetype type;
  if (!argument_fd(env, argument[0], "fd", &fd)) return NULL;
  if (napi_typeof(env, argument[1], &type) != napi_ok || type != napi_function)
    return throw_type_error(env, "onReady: expected a function");
  if (!owner->loop) return throw_unsupported(env, "watch: this runtime has no libuv event loop");

  if (!owner->hook && napi_add_async_cleanup_hook(env, end, owner, &owner->hook) != napi_ok)
    return throw_runtime_error(env, "watch");

  struct watch *watch = calloc(1, sizeof *watch + uv.handle_size(UV_POLL));
  if (!watch) return throw_error_number(env, ENOMEM, "watch", NULL);
  int error = uv.poll_init(owner->loop, handle_of(watch), fd);
  if (error < 0) {
    free(watch);
    return throw_error_number(env, -error, "epoll_ctl", NULL);
  }
  watch->owner = owner;
  watch->env = env;
  watch->link = &owner->first;
  watch->next = owner->first;
  if (watch->next) watch->next->link = &watch->next;
  owner->first = watch;
  uv.handle_set_data(handle_of(watch), watch);

  // The property keeps the callback alive while only JavaScript holds the watch.
  const napi_property_descriptor keep = {"onReady", NULL, NULL, NULL, NULL, argument[1], napi_default, NULL};
  napi_value name;
  // No resource object: Node makes one of its own. The watch would do, but Node 26 would never let it be collected.
  if (napi_create_string_latin1(env, "ipc.Watch", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_define_properties(env, self, 1, &keep) != napi_ok ||
      napi_type_tag_object(env, self, &watch_tag) != napi_ok ||
      napi_create_reference(env, argument[1], 0, &watch->callback) != napi_ok ||
      napi_async_init(env, NULL, name, &watch->context) != napi_ok ||
      napi_wrap(env, self, watch, finalize, NULL, &watch->self) != napi_ok) {
    if (watch->callback) napi_delete_reference(env, watch->callback);
    if (watch->context) napi_async_destroy(env, watch->context);
    watch->finalized = true;
    close_handle(watch);
    return throw_runtime_error(env, "watch");
  }
  return self;
}

/** The watch behind `this`; NULL, with a TypeError, when `this` is anything else. */
static struct watch *receiver(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments) {
  napi_value self;
  bool tagged = false;
  struct watch *watch;
  if (napi_get_cb_info(env, info, count, arguments, &self, NULL) == napi_ok &&
      napi_check_object_type_tag(env, self, &watch_tag, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, self, (void **)&watch) == napi_ok)
    return watch;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
    throw_type_error(env, "this: expected a Watch");
  return NULL;
}

static napi_value update(napi_env env, napi_callback_info info) {
  napi_value argument[1];
  size_t count = 1;
  int events;
  struct watch *watch = receiver(env, info, &count, argument);
  if (!watch || !argument_int(env, argument[0], "events", 0, EVENTS, &events)) return NULL;
  if (watch->closing) return throw_error_number(env, EBADF, "watch", NULL);
  int error = events ? uv.poll_start(handle_of(watch), events, on_ready) : uv.poll_stop(handle_of(watch));
  if (error < 0) return throw_error_number(env, -error, "epoll_ctl", NULL);
  set_events(watch, events);
  return js_undefined(env);
}

static napi_value close_watch(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct watch *watch = receiver(env, info, &count, NULL);
  if (!watch) return NULL;
  close_handle(watch);
  set_events(watch, 0);
  return js_undefined(env);
}

static napi_value ref_watch(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct watch *watch = receiver(env, info, &count, NULL);
  if (!watch) return NULL;
  if (!watch->closing) uv.ref(handle_of(watch));
  return js_undefined(env);
}

static napi_value unref_watch(napi_env env, napi_callback_info info) {
  size_t count = 0;
  struct watch *watch = receiver(env, info, &count, NULL);
  if (!watch) return NULL;
  if (!watch->closing) uv.unref(handle_of(watch));
  return js_undefined(env);
}

static napi_value create_watch(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  struct watches *watches;
  napi_value class, watch;
  if (napi_get_instance_data(env, (void **)&watches) != napi_ok ||
      napi_get_reference_value(env, watches->class, &class) != napi_ok ||
      napi_new_instance(env, class, 2, argument, &watch) != napi_ok)
    return throw_runtime_error(env, "watch");
  return watch;
}

static void free_watches(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

bool watch_init(napi_env env, napi_value exports) {
  const napi_property_descriptor methods[] = {
      FUNCTION("update", update),
      FUNCTION("close", close_watch),
      FUNCTION("ref", ref_watch),
      FUNCTION("unref", unref_watch),
  };
  struct watches *watches = calloc(1, sizeof *watches);
  if (!watches || napi_set_instance_data(env, watches, free_watches, NULL) != napi_ok) {
    free(watches);
    return false;
  }
  if (!find_libuv() || napi_get_uv_event_loop(env, &watches->loop) != napi_ok) watches->loop = NULL;
  const napi_property_descriptor functions[] = {FUNCTION("watch", create_watch)};
  napi_value class;
  return napi_define_class(env, "Watch", NAPI_AUTO_LENGTH, construct, watches, sizeof methods / sizeof methods[0],
                           methods, &class) == napi_ok &&
         napi_create_reference(env, class, 1, &watches->class) == napi_ok && DEFINE_FUNCTIONS(env, exports, functions);
}
