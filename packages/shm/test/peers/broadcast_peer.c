/* A peer of broadcasts and queues written from docs/wire-formats/{broadcast,region}.md alone.
 *
 *     broadcast_peer <file> publish|produce                  sends each line of its input
 *     broadcast_peer <file> subscribe|consume [<history>]    prints a message for each line of its input
 */
#include "participants.h"

enum { TAIL = 0, HEAD = 128, SLEEPING_READERS = 256, JOINED = 260, SLEEPING_WRITERS = 384, LEFT_OVER = 388 };
enum { SLOTS = 512, MAX_BYTES = 516, MODE = 520, PARTICIPANTS = 524, LINES = 640 };
enum { DONE, CLAIMED, FULL, TAKEN };

static uint32_t slots, max_bytes, position;
static size_t slots_at, stride;
static bool is_queue, waits;

static size_t slot_of(uint32_t message) { return slots_at + (message & (slots - 1)) * stride; }
static uint32_t state(uint32_t message, uint32_t phase, uint32_t owner) { return message / slots << 10 | phase << 8 | owner; }
static uint32_t phase_of(uint32_t state) { return state >> 8 & 3; }
/* By how many laps the slot is ahead of a message: 22 bits, signed. */
static int32_t lead(uint32_t state, uint32_t message) { return (int32_t)(((state >> 10) - message / slots) << 10) >> 10; }

/* Rule 8. */
static void repair_slots(uint32_t owner, size_t its_line) {
  (void)its_line;
  for (uint32_t slot = 0; slot < slots; slot++) {
    uint32_t seen = load(slot_of(slot));
    if ((seen & 255) != owner) continue;
    if (phase_of(seen) == CLAIMED) replace(slot_of(slot), seen, seen & ~0x3ffu);
    if (phase_of(seen) == TAKEN) {
      add(LEFT_OVER, 1);
      replace(slot_of(slot), seen, (seen & ~0x3ffu) | FULL << 8);
    }
  }
}

/* Rule 3: whether all who read have read the message that this one would replace. */
static bool is_read(uint32_t message) {
  for (uint32_t other = 1; other <= participants; other++)
    if (is_there(other) && load(line_of(other) + ROLE) == READER && (int32_t)(load(line_of(other) + POSITION) - (message - slots)) <= 0)
      return false;
  return true;
}

/* Rule 2; false when there is no room. */
static bool try_send(const void *message, uint32_t length) {
  for (;;) {
    uint32_t next = load(TAIL), seen = load(slot_of(next));
    int32_t ahead = lead(seen, next);
    if (ahead == 0) replace(TAIL, next, next + 1);
    if (ahead >= 0) continue;
    if (phase_of(seen) != DONE && (is_queue || phase_of(seen) != FULL)) return false;
    if (waits && !is_read(next)) return false;
    if (!replace(slot_of(next), seen, state(next, CLAIMED, number))) continue;
    replace(TAIL, next, next + 1);
    memcpy(payload + slot_of(next) + 4, &length, 4);
    memcpy(payload + slot_of(next) + 8, message, length);
    store(slot_of(next), state(next, FULL, number));
    wake(SLEEPING_READERS, READER);
    return true;
  }
}

/* Rule 4; -1 when there is nothing. */
static int64_t try_read(uint8_t *target) {
  for (;;) {
    size_t slot = slot_of(position);
    uint32_t seen = load(slot), length;
    int32_t ahead = lead(seen, position);
    bool is_message = ahead == 0 && phase_of(seen) == FULL;
    if (ahead < 0 || (ahead == 0 && phase_of(seen) == CLAIMED)) return -1;
    memcpy(&length, payload + slot + 4, 4);
    if (is_message) memcpy(target, payload + slot + 8, length < max_bytes ? length : max_bytes);
    fence();
    if (is_message && load(slot) != seen) continue; /* torn: it is being replaced */
    if (is_message && length > max_bytes) die("damaged length");
    store(line + POSITION, ++position);
    if (waits) wake(SLEEPING_WRITERS, WRITER);
    if (is_message) return length;
  }
}

/* Takes a message of a queue if it is there. */
static int64_t take_message(uint32_t message, uint8_t *target) {
  size_t slot = slot_of(message);
  uint32_t seen = load(slot), length;
  if (lead(seen, message) != 0 || phase_of(seen) != FULL || !replace(slot, seen, state(message, TAKEN, number))) return -1;
  replace(HEAD, message, message + 1);
  memcpy(&length, payload + slot + 4, 4);
  if (length > max_bytes) die("damaged length");
  memcpy(target, payload + slot + 8, length);
  store(slot, state(message, DONE, 0));
  wake(SLEEPING_WRITERS, WRITER);
  return length;
}

/* Rule 5. */
static int64_t try_take(uint8_t *target) {
  uint32_t left_over = load(LEFT_OVER), head = load(HEAD);
  int64_t length;
  for (uint32_t back = slots; left_over != 0 && back > 0; back--)
    if ((length = take_message(head - back, target)) >= 0) return length;
  if (left_over != 0) replace(LEFT_OVER, left_over, 0);
  for (;;) {
    head = load(HEAD);
    if ((length = take_message(head, target)) >= 0) return length;
    uint32_t seen = load(slot_of(head));
    int32_t ahead = lead(seen, head);
    if (ahead < 0 || (ahead == 0 && phase_of(seen) == CLAIMED)) return -1;
    if (ahead > 0 || phase_of(seen) != FULL) replace(HEAD, head, head + 1);
  }
}

static void send_message(const char *message) {
  uint32_t length = (uint32_t)strlen(message);
  if (length > max_bytes) die("too long");
  while (!try_send(message, length)) {
    store(line + NEED, load(TAIL) - slots + 1);
    announce(SLEEPING_WRITERS);
    if (try_send(message, length)) break;
    rest();
  }
  store(line + ANNOUNCEMENT, 0);
}

static int64_t receive_message(uint8_t *target) {
  int64_t (*try)(uint8_t *) = is_queue ? try_take : try_read;
  int64_t length;
  while ((length = try(target)) < 0) {
    announce(SLEEPING_READERS);
    if ((length = try(target)) >= 0) break;
    rest();
  }
  store(line + ANNOUNCEMENT, 0);
  return length;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  is_queue = strcmp(arguments[2], "produce") == 0 || strcmp(arguments[2], "consume") == 0;
  bool writes = strcmp(arguments[2], "publish") == 0 || strcmp(arguments[2], "produce") == 0;
  attach(arguments[1], is_queue ? "mpmc" : "broadcast");
  slots = load(SLOTS);
  max_bytes = load(MAX_BYTES);
  waits = load(MODE) == 1;
  stride = (8 + (size_t)max_bytes + 63) & ~(size_t)63;
  slots_at = LINES + load(PARTICIPANTS) * (size_t)LINE;
  if (slots == 0 || (slots & (slots - 1)) != 0 || payload_bytes != slots_at + slots * stride) die("damaged constants");
  repair = repair_slots;
  position = load(TAIL) - (count > 3 ? (uint32_t)atoi(arguments[3]) : 0);
  join(LINES, load(PARTICIPANTS), writes ? WRITER : READER, position);
  add(JOINED, !writes);
  say("ready", 5);
  uint8_t *message = malloc(max_bytes);
  for (char *text; (text = next_line()) != NULL;) {
    if (writes) send_message(text);
    else say(message, (size_t)receive_message(message));
  }
  leave();
  return 0;
}
