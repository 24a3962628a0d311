/* A peer of `LoanPublisher` and `LoanReceiver` written from docs/wire-formats/{pool,broadcast,region}.md alone.
 *
 *     pool_peer <file> publish     publishes each line of its input
 *     pool_peer <file> receive     borrows, prints and releases a message for each line of its input
 */
#include "participants.h"

enum { CHUNKS = 0, CHUNK_BYTES = 4, PARTICIPANTS = 8, HEAD = 128, RECEIVERS = 256, SLEEPING_RECEIVERS = 384, SLEEPING_PUBLISHER = 512, LINES = 640 };
enum { HOLDERS = 0, SEQUENCE = 4, LENGTH = 8, HEADER = 64, PENDING = 1, PAGE = 4096 };

static uint32_t chunks, chunk_bytes, places, tail, own_bit;
static size_t headers, ring, chunks_at, stride;
static uint32_t *waiting, waiting_count; /* chunks that had waited for this receiver to come */

static size_t align(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }
static size_t header_of(uint32_t chunk) { return headers + chunk * (size_t)HEADER; }
static uint8_t *bytes_of(uint32_t chunk) { return payload + chunks_at + chunk * stride; }
static uint32_t sequence_of(uint32_t chunk) { return load(header_of(chunk) + SEQUENCE); }
static size_t place_of(uint32_t sequence) { return ring + 4 * (size_t)(sequence & (places - 1)); }

/* Rule 3. */
static void hand_over(uint32_t chunk, uint32_t length) {
  size_t header = header_of(chunk);
  uint32_t sequence = load(HEAD), receivers = load(RECEIVERS), holders = receivers != 0 ? receivers : PENDING;
  store(header + SEQUENCE, sequence);
  store(header + LENGTH, length);
  store(header + HOLDERS, holders);
  store(place_of(sequence), chunk);
  store(HEAD, sequence + 1);
  receivers = load(RECEIVERS);
  if (holders != PENDING) and(header + HOLDERS, receivers);
  else if (receivers != 0 && replace(header + HOLDERS, PENDING, 0)) hand_over(chunk, length);
}

static bool try_publish(const char *message, uint32_t length) {
  for (uint32_t chunk = 0; chunk < chunks; chunk++) {
    if (load(header_of(chunk) + HOLDERS) != 0) continue;
    memcpy(bytes_of(chunk), message, length);
    hand_over(chunk, length);
    wake(SLEEPING_RECEIVERS, READER);
    return true;
  }
  return false;
}

static void publish(const char *message) {
  uint32_t length = (uint32_t)strlen(message);
  if (length > chunk_bytes) die("too long");
  while (!try_publish(message, length)) {
    announce(SLEEPING_PUBLISHER);
    if (try_publish(message, length)) break;
    rest();
  }
  store(line + ANNOUNCEMENT, 0);
}

/* Rule 8. */
static void become_publisher(void) {
  join(LINES, load(PARTICIPANTS), WRITER, 0);
  if (!take(proof, HEAD)) die("there is a publisher");
  for (uint32_t chunk = 0; chunk < chunks; chunk++)
    if ((int32_t)(sequence_of(chunk) - load(HEAD)) >= 0) store(header_of(chunk) + HOLDERS, 0);
}

static void note_position(void) {
  uint32_t next = tail;
  for (uint32_t index = 0; index < waiting_count; index++)
    if ((int32_t)(sequence_of(waiting[index]) - next) < 0) next = sequence_of(waiting[index]);
  store(line + POSITION, next);
}

/* Rule 4. */
static void become_receiver(void) {
  tail = load(HEAD);
  join(LINES, load(PARTICIPANTS), READER, tail - (1u << 30));
  own_bit = 1u << number;
  ring_all(ANYBODY);
  or(RECEIVERS, own_bit);
  waiting = malloc(chunks * sizeof *waiting);
  for (uint32_t chunk = 0; chunk < chunks; chunk++) {
    size_t holders = header_of(chunk) + HOLDERS;
    bool is_old = (int32_t)(sequence_of(chunk) - tail) < 0;
    if ((load(holders) & own_bit) != 0 && is_old) and(holders, ~own_bit);
    else if (replace(holders, PENDING, own_bit) && is_old) waiting[waiting_count++] = chunk;
  }
  note_position();
}

/* Rule 5; -1 when there is nothing. */
static int64_t try_borrow(void) {
  uint32_t first = 0;
  for (uint32_t index = 1; index < waiting_count; index++)
    if ((int32_t)(sequence_of(waiting[index]) - sequence_of(waiting[first])) < 0) first = index;
  if (waiting_count > 0) {
    uint32_t chunk = waiting[first];
    waiting[first] = waiting[--waiting_count];
    note_position();
    return chunk;
  }
  uint32_t head = load(HEAD);
  if (head - tail > places) tail = head - places;
  while (tail != head) {
    uint32_t chunk = load(place_of(tail)), sequence = tail++;
    if (chunk >= chunks) die("damaged ring");
    if ((load(header_of(chunk) + HOLDERS) & own_bit) == 0 || sequence_of(chunk) != sequence) continue;
    note_position();
    return chunk;
  }
  return -1;
}

static void print_next(void) {
  int64_t chunk;
  while ((chunk = try_borrow()) < 0) {
    announce(SLEEPING_RECEIVERS);
    if ((chunk = try_borrow()) >= 0) break;
    rest();
  }
  store(line + ANNOUNCEMENT, 0);
  uint32_t length = load(header_of((uint32_t)chunk) + LENGTH);
  if (length > chunk_bytes) die("damaged length");
  say(bytes_of((uint32_t)chunk), length);
  if (and(header_of((uint32_t)chunk) + HOLDERS, ~own_bit) == 0) wake(SLEEPING_PUBLISHER, WRITER);
}

/* Rule 7. */
static void repair_chunks(uint32_t owner, size_t its_line) {
  uint32_t bit = 1u << owner, position = load(its_line + POSITION);
  bool is_last = and(RECEIVERS, ~bit) == 0;
  for (uint32_t chunk = 0; chunk < chunks; chunk++) {
    size_t holders = header_of(chunk) + HOLDERS;
    if ((load(holders) & bit) == 0) continue;
    bool is_unread = (int32_t)(sequence_of(chunk) - position) >= 0;
    if (!is_last || !is_unread || !replace(holders, bit, PENDING)) and(holders, ~bit);
    else if (load(RECEIVERS) != 0) replace(holders, PENDING, 0);
  }
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  attach(arguments[1], "pool");
  chunks = load(CHUNKS);
  chunk_bytes = load(CHUNK_BYTES);
  for (places = 1; places <= chunks;) places *= 2;
  headers = LINES + load(PARTICIPANTS) * (size_t)LINE;
  ring = headers + align(chunks * (size_t)HEADER, 128);
  chunks_at = align(REGION_HEADER + ring + 4 * (size_t)places, PAGE) - REGION_HEADER;
  stride = align(chunk_bytes, chunk_bytes < PAGE ? 128 : PAGE);
  if (payload_bytes != chunks_at + chunks * stride) die("damaged constants");
  repair = repair_chunks;
  bool publishes = strcmp(arguments[2], "publish") == 0;
  if (publishes) become_publisher();
  else become_receiver();
  say("ready", 5);
  for (char *text; (text = next_line()) != NULL;) {
    if (publishes) publish(text);
    else print_next();
  }
  if (!publishes) repair_chunks(number, line);
  leave();
  return 0;
}
