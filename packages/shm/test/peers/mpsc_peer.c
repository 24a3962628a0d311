/* A peer of rings of many writers written from docs/wire-formats/{mpsc,broadcast,region}.md alone.
 *
 *     mpsc_peer <file> send       sends each line of its input
 *     mpsc_peer <file> claim      claims room for its first line, and dies
 *     mpsc_peer <file> receive    prints a message for each line of its input
 */
#include "participants.h"

enum { TAIL = 0, HEAD = 128, SLEEPING_READERS = 256, SLEEPING_WRITERS = 384, REPAIRED = 388 };
enum { UNITS = 512, PARTICIPANTS = 516, LINES = 640, UNIT = 64 };
enum { FREE, CLAIMED, FULL, SKIPPED };

static uint32_t units, max_bytes, position;
static size_t states_at, units_at;

static size_t state_of(uint32_t at) { return states_at + (at & (units - 1)) * (size_t)4; }
static uint8_t *bytes_of(uint32_t at) { return payload + units_at + (at & (units - 1)) * (size_t)UNIT; }
static uint32_t free_for(uint32_t at) { return at & -units; }
static uint32_t state(uint32_t length, uint32_t phase) { return length << 10 | number << 2 | phase; }
static uint32_t units_for(uint32_t length) { return length == 0 ? 1 : (length + UNIT - 1) / UNIT; }
static uint32_t units_in(uint32_t state) { return (state & 3) == SKIPPED ? state >> 2 : units_for(state >> 10); }
/* Those that a record takes at a position, or that are left before the last one. */
static uint32_t units_at_most(uint32_t at, uint32_t needed) {
  uint32_t left = units - (at & (units - 1));
  return needed < left ? needed : left;
}

/* Rule 6. */
static void repair_claims(uint32_t owner, size_t its_line) {
  (void)its_line;
  for (uint32_t unit = 0; unit < units; unit++) {
    uint32_t seen = load(state_of(unit));
    if ((seen & 3) != CLAIMED || (seen >> 2 & 255) != owner) continue;
    if (replace(state_of(unit), seen, units_in(seen) << 2 | SKIPPED)) add(REPAIRED, 1);
  }
}

/* Rule 2: the position of a claimed record, or -1 when there is no room. */
static int64_t try_claim(uint32_t length) {
  uint32_t needed = units_for(length);
  for (;;) {
    uint32_t tail = load(TAIL);
    int32_t used = (int32_t)(tail - load(HEAD));
    if (used >= (int32_t)units) return -1;
    uint32_t seen = load(state_of(tail));
    if (seen != free_for(tail)) {
      if ((seen & 3) != FREE) replace(TAIL, tail, tail + units_in(seen));
      continue;
    }
    uint32_t taken = units_at_most(tail, needed);
    if (used + (int32_t)taken > (int32_t)units) return -1;
    bool fits = taken == needed;
    if (!replace(state_of(tail), seen, fits ? state(length, CLAIMED) : taken << 2 | SKIPPED)) continue;
    replace(TAIL, tail, tail + taken);
    if (fits) return tail;
    wake(SLEEPING_READERS, READER);
  }
}

static bool try_send(const void *message, uint32_t length) {
  int64_t claimed = try_claim(length);
  if (claimed < 0) return false;
  memcpy(bytes_of((uint32_t)claimed), message, length);
  store(state_of((uint32_t)claimed), state(length, FULL));
  wake(SLEEPING_READERS, READER);
  return true;
}

static uint32_t need_for(uint32_t length) {
  uint32_t tail = load(TAIL);
  return tail + units_at_most(tail, units_for(length)) - units;
}

static void send_message(const char *message) {
  uint32_t length = (uint32_t)strlen(message);
  if (length > max_bytes) die("too long");
  while (!try_send(message, length)) {
    uint32_t need = need_for(length);
    store(line + NEED, need);
    announce(SLEEPING_WRITERS);
    if (try_send(message, length)) break;
    if (need_for(length) == need) rest();
  }
  store(line + ANNOUNCEMENT, 0);
}

static void store_head(void) {
  store(HEAD, position);
  wake(SLEEPING_WRITERS, WRITER);
}

/* Rule 4; -1 when there is nothing. */
static int64_t try_receive(uint8_t *target) {
  for (;;) {
    uint32_t seen = load(state_of(position)), next = free_for(position) + units;
    if (seen == next) { /* a reader that died had freed it */
      position++;
      continue;
    }
    if (seen == free_for(position) || (seen & 3) == CLAIMED) {
      store_head();
      return -1;
    }
    uint32_t count = units_in(seen), length = seen >> 10;
    bool is_message = (seen & 3) == FULL;
    if ((seen & 3) == FREE || count == 0 || count != units_at_most(position, count)) die("damaged state");
    if (is_message && length > max_bytes) die("damaged length");
    if (is_message) memcpy(target, bytes_of(position), length);
    for (uint32_t unit = count; unit-- > 0;) store(state_of(position + unit), next);
    position += count;
    if (position - load(HEAD) >= units / 8) store_head();
    if (is_message) return length;
  }
}

static int64_t receive_message(uint8_t *target) {
  int64_t length;
  while ((length = try_receive(target)) < 0) {
    announce(SLEEPING_READERS);
    if ((length = try_receive(target)) >= 0) break;
    rest();
  }
  store(line + ANNOUNCEMENT, 0);
  return length;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  bool receives = strcmp(arguments[2], "receive") == 0;
  attach(arguments[1], "mpsc");
  units = load(UNITS);
  states_at = LINES + load(PARTICIPANTS) * (size_t)LINE;
  units_at = states_at + units * (size_t)4;
  if (units < 32 || (units & (units - 1)) != 0 || payload_bytes != units_at + units * (size_t)UNIT) die("damaged constants");
  max_bytes = 16 * units < (1u << 22) - 1 ? 16 * units : (1u << 22) - 1;
  repair = repair_claims;
  join(LINES, load(PARTICIPANTS), receives ? READER : WRITER, 0);
  if (receives && !take(proof, HEAD)) die("there is a reader");
  position = load(HEAD);
  say("ready", 5);
  uint8_t *message = malloc(max_bytes);
  for (char *text; (text = next_line()) != NULL;) {
    if (receives) say(message, (size_t)receive_message(message));
    else if (strcmp(arguments[2], "send") == 0) send_message(text);
    else _exit(try_claim((uint32_t)strlen(text)) < 0);
  }
  if (receives) store_head();
  leave();
  return 0;
}
