/** The mappings of the process: found by address, unmapped once, and patched where a page of one has vanished. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
  _Atomic(uint8_t *) address;  // NULL once unmapped
  atomic_size_t bytes;
  atomic_size_t page_bytes;  // what can be replaced alone: more than the system's page on huge pages
  atomic_bool read_only;
  atomic_uint lost_pages;  // how many vanished under us and were replaced
  struct mapping *next;    // in the list of all, which only grows
  struct mapping *next_free;
};

/** mmap(2) of [offset, offset + bytes) of `fd`; NULL with errno set. Any thread. */
struct mapping *mapping_create(int fd, size_t bytes, off_t offset, bool read_only, bool populate);

/** The mapping that starts at `address`, or NULL. Any thread. */
struct mapping *mapping_at(const void *address);

/** munmap(2), the first time. Any thread. */
void mapping_unmap(struct mapping *mapping);

/** Unmaps and gives the slot back: nobody may use `mapping` any more. Any thread. */
void mapping_release(struct mapping *mapping);
