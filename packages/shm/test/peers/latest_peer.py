"""A peer of `LatestReader` and `LatestWriter` written from docs/wire-formats/{latest,broadcast,region}.md alone, standard library only.

    latest_peer.py read <file> <count>     prints the latest values, whole, until it has seen <count> different ones
    latest_peer.py publish <file>          publishes each line of its input
"""
import ctypes, fcntl, mmap, os, platform, struct, sys, threading, zlib

REGION_HEADER, SEQUENCE, MAX_BYTES, PARTICIPANTS, SLEEPERS, SLEEPING_READERS, SLOTS = 128, 0, 4, 8, 128, 132, 256
LINE, ANNOUNCEMENT, BELL = 128, 8, 16
F_OFD_SETLK, FUTEX_WAKE, SYS_FUTEX = 37, 1, {"x86_64": 202, "aarch64": 98}[platform.machine()]

lock = threading.Lock()


def fence():
    with lock:  # taking a lock is the only full fence the language has
        pass


class Latest:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.map = mmap.mmap(self.fd, os.fstat(self.fd).st_size)
        self.bytes = memoryview(self.map)
        self.words = self.bytes.cast("I")  # one aligned access per element
        header = self.bytes[:REGION_HEADER]
        assert header[:4] == b"IPCR" and bytes(header[16:23]) == b"latest\0", "no latest value"
        assert zlib.crc32(header[:124]) == struct.unpack_from("<I", header, 124)[0], "a damaged header"
        self.max_bytes = self.load(MAX_BYTES)
        self.stride = (8 + self.max_bytes + 127) & ~127

    def load(self, offset):
        return self.words[(REGION_HEADER + offset) >> 2]

    def store(self, offset, value):
        fence()
        self.words[(REGION_HEADER + offset) >> 2] = value
        fence()

    def slot(self, sequence):
        return SLOTS + (sequence & 3) * self.stride

    def read(self):
        while True:
            sequence = self.load(SEQUENCE)
            if sequence == 0:
                return 0, b""
            at = self.slot(sequence)
            written, length = self.load(at), self.load(at + 4)
            value = bytes(self.bytes[REGION_HEADER + at + 8 :][: min(length, self.max_bytes)])
            fence()
            if (self.load(SEQUENCE) - sequence) & 0xFFFFFFFF <= 2:
                assert written == sequence and length <= self.max_bytes, "damaged"
                return sequence, value

    def become_writer(self):
        fcntl.fcntl(self.fd, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 1, 1, 0))

    def publish(self, value):
        sequence = (self.load(SEQUENCE) + 1) & 0xFFFFFFFF or 4
        at = self.slot(sequence)
        self.store(at, sequence)
        self.store(at + 4, len(value))
        start = REGION_HEADER + at + 8
        self.bytes[start : start + len(value)] = value
        self.store(SEQUENCE, sequence)
        if self.load(SLEEPERS) != 0:
            word = ctypes.addressof(ctypes.c_uint.from_buffer(self.map, REGION_HEADER + SEQUENCE))
            ctypes.CDLL(None).syscall(SYS_FUTEX, ctypes.c_void_p(word), FUTEX_WAKE, 2**31 - 1, None, None, 0)
        if self.load(SLEEPING_READERS) & 1:
            for number in range(self.load(PARTICIPANTS)):
                self.ring(SLOTS + 4 * self.stride + number * LINE)

    def ring(self, line):
        """Without a compare-and-swap, announcements and the bit stay: a ring too many, later."""
        if self.load(line + ANNOUNCEMENT) == 0:
            return
        bell = f"/dev/shm/ipc-bell-{self.load(line + BELL):08x}{self.load(line + BELL + 4):08x}"
        try:
            fd = os.open(bell, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return  # nobody is there any more
        os.write(fd, b"\1")
        os.close(fd)


if __name__ == "__main__":
    latest = Latest(sys.argv[2])
    if sys.argv[1] == "read":
        seen = {}
        while len(seen) < int(sys.argv[3]):
            sequence, value = latest.read()
            if sequence not in seen:
                seen[sequence] = value
        print(*(f"{sequence} {value.decode()}" for sequence, value in seen.items()), sep="\n")
    else:
        latest.become_writer()
        print("writer", flush=True)
        for text in sys.stdin:
            latest.publish(text.rstrip("\n").encode())
