"""A peer of `shm.ring` written from docs/wire-formats/{ring,region}.md alone, standard library only: echoes every message.

    ring_peer.py connect <socket path>
    ring_peer.py listen <socket path> <capacity>     prints "listening", serves one client
"""
import fcntl, mmap, os, select, socket, struct, sys, threading, zlib

HEAD, TAIL, READER_CLOSED, READER_SLEEPS, WRITER_CLOSED, WRITER_WAITS = 0, 128, 132, 256, 260, 320
CONTROL, REGION_HEADER = 384, 128
DATA, PADDING, BEGIN, PIECE = 1, 2, 3, 4
MAX_MESSAGE = 1 << 24
F_ADD_SEALS, F_GET_SEALS, SEAL_SEAL, SEAL_SHRINK, SEAL_GROW = 1033, 1034, 1, 2, 4

lock = threading.Lock()


def fence():
    with lock:  # taking a lock is the only full fence the language has
        pass


class Ring:
    def __init__(self, memory, offset, capacity):
        self.words = memory.cast("I")  # one aligned access per element
        self.bytes = memory
        self.base = offset
        self.records = offset + CONTROL
        self.capacity = capacity

    def load(self, offset):
        return self.words[(self.base + offset) >> 2]

    def store(self, offset, value):
        fence()
        self.words[(self.base + offset) >> 2] = value
        fence()

    def room(self):
        used = (self.load(HEAD) - self.load(TAIL)) & 0xFFFFFFFF
        assert used <= self.capacity and used % 8 == 0, "damaged positions"
        return self.capacity - used


class Writer(Ring):
    def try_send(self, message):
        """Zero when it was sent, else the bytes of room it needs."""
        record = (len(message) + 15) & ~7
        head = self.load(HEAD)
        place = head & (self.capacity - 1)
        to_end = self.capacity - place
        if record > to_end:
            if self.room() < to_end:
                return min(to_end + record, self.capacity)
            self.words[(self.records + place) >> 2] = to_end - 8
            self.words[(self.records + place + 4) >> 2] = PADDING
            head = (head + to_end) & 0xFFFFFFFF
            self.store(HEAD, head)
            place = 0
        if self.room() < record:
            return record
        at = self.records + place
        self.words[at >> 2] = len(message)
        self.words[(at + 4) >> 2] = DATA
        self.bytes[at + 8 : at + 8 + len(message)] = message
        self.store(HEAD, (head + record) & 0xFFFFFFFF)
        return 0


class Reader(Ring):
    missing = 0  # bytes of a message that comes in pieces
    pieces = b""

    def try_receive(self):
        tail, head = self.load(TAIL), self.load(HEAD)
        fence()
        while tail != head:
            place = tail & (self.capacity - 1)
            at = self.records + place
            length, kind = self.words[at >> 2], self.words[(at + 4) >> 2]
            limit = min(self.capacity - place, (head - tail) & 0xFFFFFFFF)
            assert length <= limit - 8 and kind in (DATA, PADDING, BEGIN, PIECE), "damaged record"
            message = bytes(self.bytes[at + 8 : at + 8 + length])
            if kind == BEGIN:
                (self.missing,) = struct.unpack("<I", message)
                assert 0 < self.missing <= MAX_MESSAGE, "damaged length"
                self.pieces = b""
            elif kind == PIECE:
                assert length <= self.missing, "damaged piece"
                self.missing -= length
                self.pieces += message
                message = self.pieces
            tail = (tail + ((length + 15) & ~7)) & 0xFFFFFFFF
            self.store(TAIL, tail)
            if kind == DATA or (kind == PIECE and self.missing == 0):
                return message
        return None


class Peer:
    def __init__(self, line, region, capacity, listening):
        rings = (REGION_HEADER, REGION_HEADER + CONTROL + capacity)
        self.writer = Writer(region, rings[0 if listening else 1], capacity)
        self.reader = Reader(region, rings[1 if listening else 0], capacity)
        self.line = line
        self.ended = False
        line.setblocking(False)

    def wake(self):
        try:
            self.line.send(b"\1")
        except BlockingIOError:
            pass  # full of wake-ups
        except OSError:
            self.ended = True

    def wait(self):
        select.select([self.line], [], [])
        try:
            self.ended |= self.line.recv(256) == b""
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.ended = True

    def receive(self):
        while True:
            message = self.reader.try_receive()
            needed = self.reader.load(WRITER_WAITS)  # padding alone gives room too
            if needed and self.reader.room() >= needed:
                self.reader.store(WRITER_WAITS, 0)
                self.wake()
            if message is not None:
                return message
            if self.ended:
                return None
            self.reader.store(READER_SLEEPS, 1)
            if self.reader.load(HEAD) == self.reader.load(TAIL):
                self.wait()
            self.reader.store(READER_SLEEPS, 0)

    def send(self, message):
        while (needed := self.writer.try_send(message)) and not self.ended:
            self.ring_reader()
            self.writer.store(WRITER_WAITS, needed)
            if self.writer.room() < needed:
                self.wait()
            self.writer.store(WRITER_WAITS, 0)
        self.ring_reader()

    def ring_reader(self):
        if self.writer.load(READER_SLEEPS):
            self.writer.store(READER_SLEEPS, 0)
            self.wake()

    def echo(self):
        count = 0
        while (message := self.receive()) is not None:
            self.send(message)
            count += 1
        print("echoed", count, "clean" if self.reader.load(WRITER_CLOSED) else "gone", flush=True)


def connect(path):
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(path)
    hello, fds, _, _ = socket.recv_fds(line, 2048, 1)
    magic, version, status, length = struct.unpack_from("<IHHI", hello)
    assert (magic, version, status) == (0x48435049, 1, 0), hello[12 : 12 + length]
    seals = fcntl.fcntl(fds[0], F_GET_SEALS)
    assert seals & SEAL_SHRINK and seals & SEAL_GROW, "not sealed"
    region = memoryview(mmap.mmap(fds[0], 0))
    magic, header, order, version, kind, size = struct.unpack_from("<IIII16sQ", region)
    assert (magic, header, order, version) == (0x52435049, 1, 0x01020304, 1)
    assert kind.rstrip(b"\0") == b"ring" and len(region) == REGION_HEADER + size
    assert zlib.crc32(region[:124]) == struct.unpack_from("<I", region, 124)[0]
    Peer(line, region, size // 2 - CONTROL, False).echo()


def listen(path, capacity):
    size = 2 * (CONTROL + capacity)
    fd = os.memfd_create("ring", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.posix_fallocate(fd, 0, REGION_HEADER + size)
    region = memoryview(mmap.mmap(fd, 0))
    struct.pack_into(
        "<IIII16sQQII", region, 0, 0x52435049, 1, 0x01020304, 1, b"ring", size,
        int.from_bytes(os.urandom(8), "little"), os.getpid(), 0,
    )
    struct.pack_into("<I", region, 124, zlib.crc32(region[:124]))
    fcntl.fcntl(fd, F_ADD_SEALS, SEAL_SEAL | SEAL_SHRINK | SEAL_GROW)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen()
    print("listening", flush=True)
    line, _ = server.accept()
    os.unlink(path)
    socket.send_fds(line, [struct.pack("<IHHI", 0x48435049, 1, 0, 0)], [fd])
    Peer(line, region, capacity, True).echo()


if sys.argv[1] == "connect":
    connect(sys.argv[2])
else:
    listen(sys.argv[2], int(sys.argv[3]))
