/* A peer of `Counters` written from docs/wire-formats/{counters,region}.md alone.
 *
 *     counters_peer <file>     obeys lines: "read NAME" and "add NAME AMOUNT", which makes a counter if there is none
 */
#include "region.h"
#include <inttypes.h>

enum { CAPACITY = 0, DIRECTORY = 128, SLOT = 256, TYPE = 128, NAME_LENGTH = 132, NAME = 136, MAX_NAME = 112, COUNTER = 1, SPARE = 16 };

static uint32_t capacity;
static size_t slots_at;

static size_t entry_at(uint32_t entry) { return DIRECTORY + 4 * (size_t)entry; }
static size_t slot_at(uint32_t slot) { return slots_at + slot * (size_t)SLOT; }
static int64_t *value_at(size_t slot) { return (int64_t *)(payload + slot); }

/* The slot of this name, or 0; `end` is the first free entry from there on, or the capacity. */
static size_t find(const char *name, uint32_t from, uint32_t *end) {
  for (*end = from; *end < capacity; (*end)++) {
    uint32_t entry = load(entry_at(*end));
    if (entry == 0) return 0;
    if (entry > capacity + SPARE) die("damaged directory");
    size_t slot = slot_at(entry - 1);
    uint32_t length = load(slot + NAME_LENGTH);
    if (length == strlen(name) && length <= MAX_NAME && memcmp(payload + slot + NAME, name, length) == 0) return slot;
  }
  return 0;
}

static bool is_named(uint32_t slot) {
  for (uint32_t entry = 0; entry < capacity && load(entry_at(entry)) != 0; entry++)
    if (load(entry_at(entry)) == slot + 1) return true;
  return false;
}

/* Rule 4. */
static size_t make(const char *name) {
  uint32_t end, length = (uint32_t)strlen(name);
  size_t found = find(name, 0, &end);
  int file = open_again(); /* for the lock; closing it gives the lock back */
  for (uint32_t slot = 0; found == 0 && slot < capacity + SPARE; slot++) {
    if (is_named(slot) || !ofd_lock(file, F_WRLCK, 16 + slot)) continue;
    if (!is_named(slot)) {
      __atomic_store_n(value_at(slot_at(slot)), 0, __ATOMIC_SEQ_CST);
      store(slot_at(slot) + TYPE, COUNTER);
      store(slot_at(slot) + NAME_LENGTH, length);
      memcpy(payload + slot_at(slot) + NAME, name, length);
      while (found == 0 && end < capacity) {
        if (replace(entry_at(end), 0, slot + 1)) found = slot_at(slot);
        else found = find(name, end, &end);
      }
      if (found == 0) die("all counters are taken");
    }
    ofd_lock(file, F_UNLCK, 16 + slot);
  }
  close(file);
  return found;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  attach(arguments[1], "counters");
  capacity = load(CAPACITY);
  slots_at = (entry_at(capacity) + 127) & ~(size_t)127;
  if (payload_bytes != slots_at + (size_t)(capacity + SPARE) * SLOT) die("damaged capacity");
  say("ready", 5);
  for (char *text; (text = next_line()) != NULL;) {
    uint32_t end;
    char *command = strtok(text, " "), *name = strtok(NULL, " "), *amount = strtok(NULL, "");
    size_t slot = strcmp(command, "add") == 0 ? make(name) : find(name, 0, &end);
    if (slot == 0) {
      say("-", 1);
      continue;
    }
    int64_t change = amount == NULL ? 0 : strtoll(amount, NULL, 10);
    printf("%" PRId64 "\n", __atomic_add_fetch(value_at(slot), change, __ATOMIC_SEQ_CST));
    fflush(stdout);
  }
  return 0;
}
