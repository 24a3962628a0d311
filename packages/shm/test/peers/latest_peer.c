/* A peer of `LatestReader` and `LatestWriter` written from docs/wire-formats/{latest,broadcast,region}.md alone.
 *
 *     latest_peer <file> read <count>     prints the latest values, whole, until it has seen so many different ones
 *     latest_peer <file> publish          publishes each line of its input
 */
#include "participants.h"

enum { SEQUENCE = 0, MAX_BYTES = 4, PARTICIPANTS = 8, SLEEPERS = 128, SLEEPING_READERS = 132, SLOTS = 256 };

static uint32_t max_bytes, stride;

static size_t slot_of(uint32_t sequence) { return SLOTS + (sequence & 3) * (size_t)stride; }

/* Returns the sequence of the value that it copied to `value`, or 0 when there is none. */
static uint32_t read_latest(uint8_t *value, uint32_t *length) {
  for (;;) {
    uint32_t sequence = load(SEQUENCE), written;
    if (sequence == 0) return 0;
    memcpy(&written, payload + slot_of(sequence), 4);
    memcpy(length, payload + slot_of(sequence) + 4, 4);
    memcpy(value, payload + slot_of(sequence) + 8, *length < max_bytes ? *length : max_bytes);
    fence();
    if (load(SEQUENCE) - sequence > 2) continue; /* it may be torn */
    if (written != sequence || *length > max_bytes) die("damaged value");
    return sequence;
  }
}

static void publish(const char *value) {
  uint32_t sequence = load(SEQUENCE) + 1, length = (uint32_t)strlen(value);
  if (sequence == 0) sequence = 4;
  memcpy(payload + slot_of(sequence), (uint32_t[]){sequence, length}, 8);
  memcpy(payload + slot_of(sequence) + 8, value, length);
  store(SEQUENCE, sequence);
  if (load(SLEEPERS) != 0) futex_wake(SEQUENCE);
  wake(SLEEPING_READERS, ANYBODY);
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  attach(arguments[1], "latest");
  max_bytes = load(MAX_BYTES);
  stride = (8 + max_bytes + 127) & ~127u;
  if (strcmp(arguments[2], "publish") == 0) {
    lines = slot_of(0) + 4 * stride;
    participants = load(PARTICIPANTS);
    if (!ofd_lock(region_file, F_WRLCK, 1)) die("there is a writer");
    say("ready", 5);
    for (char *text; (text = next_line()) != NULL;) publish(text);
    return 0;
  }
  say("ready", 5);
  uint8_t *value = malloc(max_bytes);
  for (uint32_t seen = 0, last = 0, length = 0; seen < (uint32_t)atoi(arguments[3]);) {
    uint32_t sequence = read_latest(value, &length);
    if (sequence == last) {
      add(SLEEPERS, 1);
      futex_wait(SEQUENCE, last);
      add(SLEEPERS, -1u);
      continue;
    }
    printf("%u %.*s\n", last = sequence, (int)length, (char *)value);
    seen++;
  }
  return 0;
}
