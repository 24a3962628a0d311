/* A peer of `SharedMap` written from docs/wire-formats/{map,region}.md alone.
 *
 *     map_peer <file>     obeys lines: "get KEY", "set KEY VALUE", "delete KEY", and "die KEY": ends while it has that segment's lock
 */
#include "region.h"

enum { CAPACITY = 0, KEY_BYTES = 4, VALUE_BYTES = 8, SEGMENTS = 12, SEGMENT_SLOTS = 16, SEED = 20, OWNERS = 128, SEGMENT = 1152 };
enum { LOCK = 0, EPOCH = 4, COUNT = 8, REPAIRS = 12, SEGMENT_BYTES = 128 };
enum { STATE = 0, KEY = 8, EMPTY = 0, LIVE = 1, DELETED = 2, STATUS = 3, VERSION = 4 };

static uint32_t capacity, segments, segment_slots, identity;
static size_t key_bytes, value_bytes, slot_bytes; /* padded */
static int proof;

static size_t segment_at(uint32_t segment) { return SEGMENT + segment * (size_t)SEGMENT_BYTES; }
static size_t slot_at(uint32_t segment, uint32_t index) {
  return segment_at(segments) + (segment * (size_t)segment_slots + index) * slot_bytes;
}
static size_t value_at(size_t slot, uint32_t state) { return slot + KEY + key_bytes + (state / VERSION % 2) * value_bytes; }

/* MurmurHash3_x86_32, by Austin Appleby, of a whole number of words. */
static uint32_t hash_of(const uint8_t *key) {
  uint32_t hash = load(SEED), word;
  for (size_t at = 0; at < key_bytes; at += 4) {
    memcpy(&word, key + at, 4);
    word *= 0xcc9e2d51u;
    word = word << 15 | word >> 17;
    hash ^= word * 0x1b873593u;
    hash = (hash << 13 | hash >> 19) * 5 + 0xe6546b64u;
  }
  hash ^= (uint32_t)key_bytes;
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}
static uint32_t home_of(uint32_t hash) { return (uint32_t)((uint64_t)(hash >> 16) * segment_slots >> 16); }

/* Rule 2: the index of the slot with the key, or of the EMPTY one that ends the search; `segment_slots` if there is neither. */
static uint32_t find(const uint8_t *key, uint32_t *state) {
  uint32_t hash = hash_of(key), index = home_of(hash);
  for (uint32_t steps = 0; steps < segment_slots; steps++, index = (index + 1) % segment_slots) {
    size_t slot = slot_at(hash % segments, index);
    *state = load(slot);
    if ((*state & STATUS) == EMPTY) return index;
    if ((*state & STATUS) == LIVE && memcmp(payload + slot + KEY, key, key_bytes) == 0) return index;
  }
  return segment_slots;
}

static bool get(const uint8_t *key, uint8_t *value) {
  for (uint32_t segment = hash_of(key) % segments, attempt = 0; attempt < 100000; attempt++) {
    uint32_t epoch = load(segment_at(segment) + EPOCH), state, index = find(key, &state);
    bool found = index < segment_slots && (state & STATUS) == LIVE;
    if (found) memcpy(value, payload + value_at(slot_at(segment, index), state), value_bytes);
    fence();
    if (found && load(slot_at(segment, index)) == state) return true;
    if (!found && load(segment_at(segment) + EPOCH) == epoch) return false;
  }
  die("it never stands still");
}

/* Writes to the value that is not valid, and makes it valid. */
static void publish(size_t slot, const uint8_t *key, const uint8_t *value) {
  uint32_t state = ((load(slot) & ~(uint32_t)STATUS) + VERSION) | LIVE;
  memmove(payload + slot + KEY, key, key_bytes);
  memcpy(payload + value_at(slot, state), value, value_bytes);
  store(slot, state);
}
static void set_status(size_t slot, uint32_t status) { store(slot, ((load(slot) & ~(uint32_t)STATUS) + VERSION) | status); }
static uint32_t status_of(uint32_t segment, uint32_t index) { return load(slot_at(segment, index)) & STATUS; }

/* Rule 7. */
static void fill(uint32_t segment, uint32_t hole) {
  for (uint32_t steps = 1, index = hole; steps < segment_slots; steps++) {
    index = (index + 1) % segment_slots;
    size_t slot = slot_at(segment, index);
    if (status_of(segment, index) == EMPTY) break;
    if (status_of(segment, index) != LIVE) continue;
    uint32_t home = home_of(hash_of(payload + slot + KEY));
    uint32_t to_home = (index + segment_slots - home) % segment_slots, to_hole = (index + segment_slots - hole) % segment_slots;
    if (to_home < to_hole) continue;
    publish(slot_at(segment, hole), payload + slot + KEY, payload + value_at(slot, load(slot)));
    add(segment_at(segment) + EPOCH, 1);
    set_status(slot, DELETED);
    hole = index;
  }
  set_status(slot_at(segment, hole), EMPTY);
}

/* Rule 8. */
static void repair(uint32_t segment) {
  uint32_t state, count = 0;
  add(segment_at(segment) + EPOCH, 1);
  for (uint32_t index = 0; index < segment_slots; index++) {
    bool is_live = status_of(segment, index) == LIVE;
    if (is_live && find(payload + slot_at(segment, index) + KEY, &state) != index) set_status(slot_at(segment, index), DELETED);
  }
  for (uint32_t index = 0; index < segment_slots; index++)
    if (status_of(segment, index) == DELETED) fill(segment, index);
  for (uint32_t index = 0; index < segment_slots; index++) count += status_of(segment, index) == LIVE;
  store(segment_at(segment) + COUNT, count);
  add(segment_at(segment) + REPAIRS, 1);
}

/* Rule 3. */
static void become_owner(void) {
  uint32_t number = 1;
  proof = open_again();
  while (number < 256 && !take(proof, OWNERS + 4 * number)) number++;
  if (number == 256) die("all numbers are taken");
  identity = ((load(OWNERS + 4 * number) >> 8) + 1) % (1u << 23) << 8 | number;
  store(OWNERS + 4 * number, identity);
}
static bool is_dead(uint32_t owner) {
  size_t at = OWNERS + 4 * (owner & 255);
  return load(at) != owner || !is_taken(proof, at);
}

/* Rule 4. */
static void acquire(uint32_t segment) {
  size_t lock = segment_at(segment) + LOCK;
  while (!replace(lock, 0, identity)) {
    uint32_t owner = load(lock);
    if (owner == 0 || !is_dead(owner) || !replace(lock, owner, identity)) continue;
    repair(segment);
    return;
  }
}

/* Rule 5; false when the map is full. */
static bool set(const uint8_t *key, const uint8_t *value) {
  uint32_t segment = hash_of(key) % segments, state, count = 0, index = find(key, &state);
  if (index == segment_slots) return false;
  bool is_new = (state & STATUS) != LIVE;
  for (uint32_t each = 0; each < segments; each++) count += load(segment_at(each) + COUNT);
  if (is_new && count >= capacity) return false;
  publish(slot_at(segment, index), key, value);
  if (is_new) add(segment_at(segment) + COUNT, 1);
  return true;
}

/* Rule 6. */
static bool delete(const uint8_t *key) {
  uint32_t segment = hash_of(key) % segments, state, index = find(key, &state);
  if (index == segment_slots || (state & STATUS) != LIVE) return false;
  set_status(slot_at(segment, index), DELETED);
  add(segment_at(segment) + COUNT, -1u);
  fill(segment, index);
  return true;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  attach(arguments[1], "map");
  capacity = load(CAPACITY);
  segments = load(SEGMENTS);
  segment_slots = load(SEGMENT_SLOTS);
  key_bytes = (load(KEY_BYTES) + 7) & ~7u;
  value_bytes = (load(VALUE_BYTES) + 7) & ~7u;
  slot_bytes = KEY + key_bytes + 2 * value_bytes;
  if (segments == 0 || payload_bytes != segment_at(segments) + (size_t)segments * segment_slots * slot_bytes) die("damaged constants");
  become_owner();
  say("ready", 5);
  uint8_t *key = malloc(key_bytes), *value = malloc(value_bytes);
  for (char *text; (text = next_line()) != NULL;) {
    char *command = strtok(text, " "), *name = strtok(NULL, " "), *word = strtok(NULL, "");
    strncpy((char *)key, name, key_bytes); /* pads with zeros */
    if (strcmp(command, "get") == 0) {
      if (get(key, value)) say(value, strnlen((char *)value, value_bytes));
      else say("-", 1);
      continue;
    }
    uint32_t segment = hash_of(key) % segments;
    acquire(segment);
    bool done = true;
    if (strcmp(command, "die") == 0) return 0;
    if (strcmp(command, "delete") == 0) done = delete(key);
    if (strcmp(command, "set") == 0) {
      strncpy((char *)value, word, value_bytes);
      done = set(key, value);
    }
    store(segment_at(segment) + LOCK, 0);
    say(done ? "done" : "not", done ? 4 : 3);
  }
  return 0;
}
