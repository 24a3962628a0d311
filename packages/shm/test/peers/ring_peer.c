/* A peer of `shm.ring` written from docs/wire-formats/{ring,region}.md alone: connects, and echoes every message.
 *
 *     ring_peer <socket path>
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct ring {
  _Atomic uint32_t head, unused0[31];
  _Atomic uint32_t tail, reader_closed, unused1[30];
  _Atomic uint32_t reader_sleeps, writer_closed, unused2[14];
  _Atomic uint32_t writer_waits, unused3[15];
  unsigned char records[];
};
_Static_assert(sizeof(struct ring) == 384, "control words");

enum { DATA = 1, PADDING, BEGIN, PIECE, REGION_HEADER = 128 };

static int line;
static bool ended;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t record_bytes(uint32_t length) { return (length + 15) & ~7u; }

static uint32_t room(struct ring *ring, uint32_t capacity) {
  uint32_t used = ring->head - ring->tail;
  if (used > capacity || used % 8 != 0) die("damaged positions");
  return capacity - used;
}

static void wake(void) {
  if (send(line, "\1", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) ended = true;
}

static void wait_for_peer(void) {
  char inbox[256];
  if (recv(line, inbox, sizeof inbox, 0) <= 0 && errno != EINTR) ended = true;
}

/* Returns 0, or the bytes of room it needs. */
static uint32_t try_send(struct ring *ring, uint32_t capacity, const void *message, uint32_t length) {
  uint32_t record = record_bytes(length), head = ring->head, place = head & (capacity - 1), to_end = capacity - place;
  if (record > to_end) {
    if (room(ring, capacity) < to_end) return to_end + record < capacity ? to_end + record : capacity;
    memcpy(ring->records + place, (uint32_t[]){to_end - 8, PADDING}, 8);
    ring->head = head += to_end;
    place = 0;
  }
  if (room(ring, capacity) < record) return record;
  memcpy(ring->records + place, (uint32_t[]){length, DATA}, 8);
  memcpy(ring->records + place + 8, message, length);
  ring->head = head + record;
  return 0;
}

static void ring_reader(struct ring *ring) {
  if (ring->reader_sleeps != 0 && atomic_exchange(&ring->reader_sleeps, 0) != 0) wake();
}

static void send_message(struct ring *ring, uint32_t capacity, const void *message, uint32_t length) {
  for (uint32_t needed; (needed = try_send(ring, capacity, message, length)) != 0 && !ended;) {
    ring_reader(ring);
    ring->writer_waits = needed;
    if (room(ring, capacity) < needed) wait_for_peer();
    ring->writer_waits = 0;
  }
  ring_reader(ring);
}

/* Returns the length of a message copied to `target`, which has room for `capacity` bytes, or -1 at the end. */
static int64_t receive_message(struct ring *ring, uint32_t capacity, unsigned char *target) {
  uint32_t whole = 0, filled = 0; /* of a message that comes in pieces */
  for (;;) {
    uint32_t tail = ring->tail, head = ring->head;
    while (tail != head) {
      uint32_t place = tail & (capacity - 1), left = head - tail, record[2];
      memcpy(record, ring->records + place, 8); /* a length is read once */
      uint32_t limit = capacity - place < left ? capacity - place : left;
      if (record[0] > limit - 8 || record[1] < DATA || record[1] > PIECE) die("damaged record");
      const unsigned char *payload = ring->records + place + 8;
      if (record[1] == DATA) memcpy(target, payload, record[0]);
      if (record[1] == BEGIN) {
        memcpy(&whole, payload, 4);
        if (record[0] != 4 || whole > capacity) die("damaged length");
        filled = 0;
      }
      if (record[1] == PIECE) {
        if (record[0] > whole - filled) die("damaged piece");
        memcpy(target + filled, payload, record[0]);
        filled += record[0];
      }
      ring->tail = tail += record_bytes(record[0]);
      uint32_t needed = ring->writer_waits;
      if (needed != 0 && room(ring, capacity) >= needed && atomic_exchange(&ring->writer_waits, 0) != 0) wake();
      if (record[1] == DATA) return record[0];
      if (record[1] == PIECE && filled == whole) return whole;
    }
    if (ended) return -1;
    ring->reader_sleeps = 1;
    if (ring->head == tail) wait_for_peer();
    ring->reader_sleeps = 0;
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  if (connect(line, (struct sockaddr *)&address, sizeof address) != 0) die("connect");

  unsigned char hello[2048];
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct iovec vector = {hello, sizeof hello};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
  if (recvmsg(line, &message, MSG_CMSG_CLOEXEC) < 12 || memcmp(hello, "IPCH\1\0\0\0", 8) != 0) die("handshake");
  struct cmsghdr *passed = CMSG_FIRSTHDR(&message);
  if (passed == NULL || passed->cmsg_type != SCM_RIGHTS) die("no descriptor");
  int fd;
  memcpy(&fd, CMSG_DATA(passed), sizeof fd);
  int seals = fcntl(fd, F_GET_SEALS);
  if ((seals & F_SEAL_SHRINK) == 0 || (seals & F_SEAL_GROW) == 0) die("not sealed");

  struct stat status;
  if (fstat(fd, &status) != 0) die("fstat");
  unsigned char *region = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (region == MAP_FAILED) die("mmap");
  uint32_t words[4];
  uint64_t bytes;
  memcpy(words, region, sizeof words);
  memcpy(&bytes, region + 32, sizeof bytes);
  if (words[0] != 0x52435049 || words[1] != 1 || words[2] != 0x01020304 || words[3] != 1) die("not a region");
  if (memcmp(region + 16, "ring\0\0\0\0\0\0\0\0\0\0\0\0", 16) != 0 || (uint64_t)status.st_size != bytes + REGION_HEADER) die("not a ring");

  uint32_t capacity = (uint32_t)(bytes / 2 - sizeof(struct ring));
  struct ring *in = (struct ring *)(region + REGION_HEADER);
  struct ring *out = (struct ring *)(region + REGION_HEADER + bytes / 2);
  unsigned char *copy = malloc(capacity);
  int64_t length;
  long count = 0;
  for (; (length = receive_message(in, capacity, copy)) >= 0; count++) send_message(out, capacity, copy, (uint32_t)length);
  printf("echoed %ld %s\n", count, in->writer_closed ? "clean" : "gone");
  return 0;
}
