/**
 * The table of mappings, and SIGBUS.
 *
 * Whoever may write to a file may cut it short, and then every access behind its new end is SIGBUS in every process
 * that has it mapped. (A failing disk does the same.) The kernel offers no other way to learn of it, so a handler puts
 * a page of zeros of our own where the access went, counts it, and the access happens again. Only pages of mappings in this
 * table are replaced; any other SIGBUS is handed to whoever handled it before, and by default kills the process.
 *
 * The handler runs in the middle of anything, on any thread. It takes no lock and calls only mmap, a bare system call;
 * and it may read a slot while another thread gives it back or takes it. So slots are never freed: the list grows to
 * the greatest number of mappings that were alive at once. What the handler reads of a slot in flux is of no consequence: the
 * mapping that the fault is in is in use, and thus its slot is at rest.
 *
 * Source: signal-safety(7), sigaction(2), mmap(2); systemd's sigbus.c does the same.
 */
#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct mapping *) all;
static struct mapping *vacant;  // under `lock`

static struct sigaction before;

/** The mapping that has `address` in one of its pages. Async-signal-safe. */
static struct mapping *mapping_around(uintptr_t address) {
  for (struct mapping *mapping = atomic_load(&all); mapping; mapping = mapping->next) {
    const uintptr_t start = (uintptr_t)atomic_load(&mapping->address);
    const size_t page = atomic_load(&mapping->page_bytes);
    if (start && address >= start && address - start < (atomic_load(&mapping->bytes) + page - 1) / page * page)
      return mapping;
  }
  return NULL;
}

static bool replace_page(uintptr_t address) {
  struct mapping *mapping = mapping_around(address);
  if (!mapping) return false;
  const size_t page = atomic_load(&mapping->page_bytes);
  const int protection = PROT_READ | (atomic_load(&mapping->read_only) ? 0 : PROT_WRITE);
  if (mmap((void *)(address / page * page), page, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
      MAP_FAILED)
    return false;
  atomic_fetch_add(&mapping->lost_pages, 1);
  return true;
}

/** A SIGBUS that is not ours: what would have happened without us. */
static void hand_on(int signal, siginfo_t *info, void *context) {
  const bool sent = info->si_code <= 0;  // by kill(2) and the like: it does not come again by itself
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else if (before.sa_handler == SIG_DFL || !sent) {  // the kernel lets nobody ignore a fault
    const struct sigaction deadly = {.sa_handler = SIG_DFL};
    sigaction(signal, &deadly, NULL);
    if (sent) raise(signal);  // delivered when this handler returns; a fault repeats
  }
}

static void on_bus_error(int signal, siginfo_t *info, void *context) {
  const int error = errno;
  if (info->si_code != BUS_ADRERR || !replace_page((uintptr_t)info->si_addr)) hand_on(signal, info, context);
  errno = error;
}

/** Once in a process, and only when it maps something that can be cut short. */
static void install_handler(void) {
  sigaction(SIGBUS, NULL, &before);
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
  action.sa_mask = before.sa_mask;
  sigaction(SIGBUS, &action, NULL);
}

static size_t page_bytes_of(int fd) {
  struct statfs status;
  return fstatfs(fd, &status) == 0 && status.f_type == HUGETLBFS_MAGIC
             ? (size_t)status.f_bsize
             : (size_t)sysconf(_SC_PAGESIZE);
}

static struct mapping *take_slot(void) {
  pthread_mutex_lock(&lock);
  struct mapping *mapping = vacant;
  if (mapping) {
    vacant = mapping->next_free;
  } else if ((mapping = calloc(1, sizeof *mapping))) {
    mapping->next = atomic_load(&all);
    atomic_store(&all, mapping);
  }
  pthread_mutex_unlock(&lock);
  return mapping;
}

static void give_slot_back(struct mapping *mapping) {
  pthread_mutex_lock(&lock);
  mapping->next_free = vacant;
  vacant = mapping;
  pthread_mutex_unlock(&lock);
}

struct mapping *mapping_create(int fd, size_t bytes, off_t offset, bool read_only, bool populate) {
  static pthread_once_t handler = PTHREAD_ONCE_INIT;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || !(seals & F_SEAL_SHRINK)) pthread_once(&handler, install_handler);

  struct mapping *mapping = take_slot();
  if (!mapping) {
    errno = ENOMEM;
    return NULL;
  }
  void *address = mmap(NULL, bytes, PROT_READ | (read_only ? 0 : PROT_WRITE),
                       MAP_SHARED | (populate ? MAP_POPULATE : 0), fd, offset);
  if (address == MAP_FAILED) {
    const int error = errno;
    give_slot_back(mapping);
    errno = error;
    return NULL;
  }
  atomic_store(&mapping->bytes, bytes);
  atomic_store(&mapping->page_bytes, page_bytes_of(fd));
  atomic_store(&mapping->read_only, read_only);
  atomic_store(&mapping->lost_pages, 0);
  atomic_store(&mapping->address, address);
  return mapping;
}

struct mapping *mapping_at(const void *address) {
  if (!address) return NULL;
  struct mapping *mapping = atomic_load(&all);
  while (mapping && atomic_load(&mapping->address) != address) mapping = mapping->next;
  return mapping;
}

void mapping_unmap(struct mapping *mapping) {
  // From the table first: once unmapped, the addresses may be somebody else's.
  uint8_t *address = atomic_exchange(&mapping->address, NULL);
  if (!address) return;
  const size_t page = atomic_load(&mapping->page_bytes);
  munmap(address, (atomic_load(&mapping->bytes) + page - 1) / page * page);
}

void mapping_release(struct mapping *mapping) {
  mapping_unmap(mapping);
  give_slot_back(mapping);
}
