/*
 * Sockets: unix(7) of each type, and TCP over the loopback, tcp(7).
 *
 * A pair is what two connected sockets with names are, without the names. Not so for datagrams: what a socket with a name
 * receives from whoever knows it waits in a queue of net.unix.max_dgram_qlen, and a pair has no such limit.
 * Stream sockets carry frames; a seqpacket or datagram socket keeps message boundaries by itself.
 */
#include "stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct stream streams_of[2]; /* by role */

static void connect_streams(const struct plan *plan, int leader, int follower) {
  streams_of[LEADER] = stream_over(leader, leader, plan->message_bytes);
  streams_of[FOLLOWER] = stream_over(follower, follower, plan->message_bytes);
}

static const char *open_unix(const struct plan *plan) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail_call("socketpair");
  connect_streams(plan, pair[0], pair[1]);
  return NULL;
}

static int tcp_socket(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail_call("socket");
  return fd;
}

static void send_at_once(int fd) {
  const int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) fail_call("setsockopt TCP_NODELAY");
}

static const char *open_tcp(const struct plan *plan) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  const int listener = tcp_socket(), leader = tcp_socket();
  if (bind(listener, (struct sockaddr *)&address, length) != 0) fail_call("bind 127.0.0.1");
  if (listen(listener, 1) != 0) fail_call("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) fail_call("getsockname");
  if (connect(leader, (struct sockaddr *)&address, length) != 0) fail_call("connect 127.0.0.1");
  const int follower = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (follower < 0) fail_call("accept4");
  close(listener);
  send_at_once(leader);
  send_at_once(follower);
  connect_streams(plan, leader, follower);
  return NULL;
}

static void run_stream(enum role role, const struct plan *plan, struct board *board) {
  run_messages(role, plan, board, &streams_of[role], stream_send, stream_receive);
}

struct packets {
  int read_fd, write_fd;
  uint8_t *buffer;
  size_t capacity;
};
static struct packets packets_of[2]; /* by role */

/* The kernel charges a packet's bookkeeping to the send buffer, so the payload has to be this much smaller. */
#define PACKET_OVERHEAD 32

static bool fits_send_buffer(int fd, size_t bytes) {
  int capacity;
  socklen_t length = sizeof capacity;
  if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &capacity, &length) != 0) fail_call("getsockopt SO_SNDBUF");
  return bytes + PACKET_OVERHEAD <= (size_t)capacity;
}

/* Makes room for a packet in the send buffer; returns NULL, or why there can be none. */
static const char *reserve_send_buffer(int fd, size_t bytes) {
  if (fits_send_buffer(fd, bytes)) return NULL;
  const int wanted = (int)(bytes + PACKET_OVERHEAD);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted) != 0) fail_call("setsockopt SO_SNDBUF");
  if (fits_send_buffer(fd, bytes)) return NULL;
  return unsupported("a packet of %zu bytes does not fit the largest send buffer (net.core.wmem_max is %ld)", bytes,
                     system_limit("/proc/sys/net/core/wmem_max", -1));
}

static const char *open_seqpacket(const struct plan *plan) {
  const size_t bytes = plan->message_bytes;
  const char *reason = NULL;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) fail_call("socketpair");
  for (int role = LEADER; role <= FOLLOWER && !reason; role++) {
    packets_of[role] = (struct packets){pair[role], pair[role], allocate_message(bytes), bytes};
    reason = reserve_send_buffer(pair[role], bytes);
  }
  return reason;
}

static int datagram_socket(void) {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail_call("socket");
  return fd;
}

/* One way: a receiver with an abstract name that the kernel chooses, and a sender connected to it. */
static void connect_datagrams(int *receiver, int *sender) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socklen_t length = sizeof address;
  *receiver = datagram_socket();
  *sender = datagram_socket();
  if (bind(*receiver, (struct sockaddr *)&address, sizeof address.sun_family) != 0) fail_call("bind");
  if (getsockname(*receiver, (struct sockaddr *)&address, &length) != 0) fail_call("getsockname");
  if (connect(*sender, (struct sockaddr *)&address, length) != 0) fail_call("connect");
}

static const char *open_datagram(const struct plan *plan) {
  const size_t bytes = plan->message_bytes;
  const char *reason = NULL;
  for (int role = LEADER; role <= FOLLOWER; role++)
    packets_of[role] = (struct packets){.buffer = allocate_message(bytes), .capacity = bytes};
  for (int role = LEADER; role <= FOLLOWER && !reason; role++) {
    connect_datagrams(&packets_of[role].read_fd, &packets_of[!role].write_fd);
    reason = reserve_send_buffer(packets_of[!role].write_fd, bytes);
  }
  return reason;
}

static void send_packet(void *link, uint8_t *payload, size_t bytes) {
  const struct packets *packets = link;
  while (send(packets->write_fd, payload, bytes, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) fail_call("send");
}

static const uint8_t *receive_packet(void *link, size_t *bytes) {
  const struct packets *packets = link;
  for (;;) {
    /* MSG_TRUNC: a packet larger than the buffer tells its true size. */
    const ssize_t got = recv(packets->read_fd, packets->buffer, packets->capacity, MSG_TRUNC);
    if (got == 0) fail("the other process closed the socket");
    if (got > 0) {
      *bytes = (size_t)got;
      return packets->buffer;
    }
    if (errno != EINTR) fail_call("recv");
  }
}

#define BATCH 32u /* messages offered to a system call, and asked of one */

struct batch {
  struct mmsghdr packets[BATCH];
  struct iovec parts[BATCH];
};

static void describe_batch(struct batch *batch, size_t bytes) {
  for (unsigned i = 0; i < BATCH; i++) {
    batch->parts[i] = (struct iovec){allocate_message(bytes), bytes};
    batch->packets[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &batch->parts[i], .msg_iovlen = 1}};
  }
}

static void send_batches(const struct packets *packets, struct batch *batch, size_t bytes, uint64_t total) {
  for (uint64_t next = 0; next < total;) {
    const unsigned count = total - next < BATCH ? (unsigned)(total - next) : BATCH;
    for (unsigned i = 0; i < count; i++) stamp(batch->parts[i].iov_base, bytes, next++);
    for (unsigned sent = 0; sent < count;) {
      const int more = sendmmsg(packets->write_fd, batch->packets + sent, count - sent, MSG_NOSIGNAL);
      if (more < 0 && errno != EINTR) fail_call("sendmmsg");
      if (more > 0) sent += (unsigned)more;
    }
  }
}

/* Takes what waits, and waits only for the first. */
static void receive_batches(const struct packets *packets, struct batch *batch, const struct plan *plan,
                            struct board *board) {
  const size_t bytes = plan->message_bytes;
  const uint64_t total = plan->warm_up + plan->messages;
  uint64_t next = 0;
  board->start_ns = now_ns();
  while (next < total) {
    const int came = recvmmsg(packets->read_fd, batch->packets, BATCH, MSG_WAITFORONE | MSG_TRUNC, NULL);
    if (came < 0 && errno != EINTR) fail_call("recvmmsg");
    for (int i = 0; i < came; i++) {
      const size_t received = batch->packets[i].msg_len;
      if (received == 0) fail("the other process closed the socket");
      check(batch->parts[i].iov_base, received, bytes, next);
      if (++next == plan->warm_up) board->start_ns = now_ns();
    }
  }
  board->end_ns = now_ns();
  board->checked = plan->messages;
}

static void run_packets(enum role role, const struct plan *plan, struct board *board) {
  if (plan->scenario == THROUGHPUT_BATCHED) {
    struct batch batch;
    describe_batch(&batch, plan->message_bytes);
    meet(board);
    if (role == LEADER) send_batches(&packets_of[role], &batch, plan->message_bytes, plan->warm_up + plan->messages);
    else receive_batches(&packets_of[role], &batch, plan, board);
    return;
  }
  run_messages(role, plan, board, &packets_of[role], send_packet, receive_packet);
}

const struct subject socket_unix = {
    .name = "socket.unix", .scenarios = MESSAGES | CALLS, .open = open_unix, .run = run_stream};

const struct subject socket_tcp = {
    .name = "socket.tcp", .scenarios = MESSAGES | CALLS, .open = open_tcp, .run = run_stream};

const struct subject socket_seqpacket = {
    .name = "socket.seqpacket", .scenarios = MESSAGES | CALLS | THROUGHPUT_BATCHED, .open = open_seqpacket, .run = run_packets};

const struct subject socket_datagram = {
    .name = "socket.datagram", .scenarios = MESSAGES | THROUGHPUT_BATCHED, .open = open_datagram, .run = run_packets};
