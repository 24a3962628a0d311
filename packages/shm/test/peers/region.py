"""What all peers in Python need: a region, from docs/wire-formats/region.md alone; its words, as atomics; and locks on its bytes.

The language has no atomics: gcc's run-time library, which is there wherever gcc is, has them.
"""
import ctypes, fcntl, mmap, os, platform, struct, sys, zlib

HEADER, WHILE_OPEN, SEQ_CST = 128, 1, 5
F_OFD_GETLK, F_OFD_SETLK, FUTEX_WAIT, FUTEX_WAKE, SYS_FUTEX = 36, 37, 0, 1, {"x86_64": 202, "aarch64": 98}[platform.machine()]

library = ctypes.CDLL("libatomic.so.1")
libc = ctypes.CDLL(None, use_errno=True)
u32, i64, address = ctypes.c_uint32, ctypes.c_int64, ctypes.c_void_p


def atomic(name, result, *arguments):
    function = getattr(library, f"__atomic_{name}")
    function.restype, function.argtypes = result, (address, *arguments, ctypes.c_int)
    return function


load_4 = atomic("load_4", u32)
store_4 = atomic("store_4", None, u32)
fetch_add_4 = atomic("fetch_add_4", u32, u32)
fetch_and_4 = atomic("fetch_and_4", u32, u32)
fetch_or_4 = atomic("fetch_or_4", u32, u32)
compare_exchange_4 = atomic("compare_exchange_4", ctypes.c_bool, ctypes.POINTER(u32), u32, ctypes.c_int)
store_8 = atomic("store_8", None, i64)
fetch_add_8 = atomic("fetch_add_8", i64, i64)


def signed(word):
    return (word & 0xFFFFFFFF) - ((word & 0x80000000) << 1)


class Region:
    """Offsets are those in the payload."""

    def __init__(self, path, kind):
        """Rules 2, 4, 5 and 6. Who made the region stays until the peer has ended: it never is the last user."""
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        assert ofd_lock(self.fd, fcntl.F_RDLCK, 0), "somebody removes it"
        status = os.fstat(self.fd)
        assert status.st_nlink > 0, "it has no name any more"
        self.map = mmap.mmap(self.fd, status.st_size)
        header = self.map[:HEADER]
        magic, version, order, layout, found, self.size = struct.unpack_from("<IIII16sQ", header)
        (flags,) = struct.unpack_from("<I", header, 52)
        assert (magic, version, order) == (0x52435049, 1, 0x01020304), "not a region"
        assert zlib.crc32(header[:124]) == struct.unpack_from("<I", header, 124)[0], "a damaged header"
        assert HEADER + self.size <= status.st_size, "it was cut short"
        assert found.rstrip(b"\0") == kind.encode() and layout == 1, "of another kind"
        assert not flags & WHILE_OPEN or ofd_holder(self.fd, 0), "its users are gone"
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.map)) + HEADER
        self.bytes = memoryview(self.map)[HEADER:]

    def load(self, at):
        return load_4(self.start + at, SEQ_CST)

    def store(self, at, value):
        store_4(self.start + at, value & 0xFFFFFFFF, SEQ_CST)

    def add(self, at, value):
        fetch_add_4(self.start + at, value & 0xFFFFFFFF, SEQ_CST)

    def and_(self, at, mask):
        """What is there then."""
        return fetch_and_4(self.start + at, mask & 0xFFFFFFFF, SEQ_CST) & mask

    def or_(self, at, bits):
        fetch_or_4(self.start + at, bits, SEQ_CST)

    def replace(self, at, old, new):
        return compare_exchange_4(self.start + at, u32(old & 0xFFFFFFFF), new & 0xFFFFFFFF, SEQ_CST, SEQ_CST)

    def store_long(self, at, value):
        store_8(self.start + at, value, SEQ_CST)

    def add_long(self, at, value):
        """What is there then."""
        return i64(fetch_add_8(self.start + at, value, SEQ_CST) + value).value

    def open_again(self):
        """A description of its own of the file, as locks belong to those."""
        return os.open(f"/proc/self/fd/{self.fd}", os.O_RDWR | os.O_CLOEXEC)

    def wait(self, at, value):
        """While the word is this, 100 ms at most."""
        limit = struct.pack("qq", 0, 100_000_000)
        libc.syscall(SYS_FUTEX, address(self.start + at), FUTEX_WAIT, u32(value), limit, None, 0)

    def wake(self, at):
        libc.syscall(SYS_FUTEX, address(self.start + at), FUTEX_WAKE, 2**31 - 1, None, None, 0)


def ofd_lock(fd, kind, byte):
    try:
        fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, byte, 1, 0))
        return True
    except (BlockingIOError, PermissionError):
        return False


def ofd_holder(fd, byte):
    """Whether anybody else has a lock there."""
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    return struct.unpack("hhqqi4x", fcntl.fcntl(fd, F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK


def take(fd, at):
    """Locks a byte of the payload, until the process ends or gives it back."""
    return ofd_lock(fd, fcntl.F_WRLCK, HEADER + at)


def give_back(fd, at):
    ofd_lock(fd, fcntl.F_UNLCK, HEADER + at)


def is_taken(fd, at):
    return ofd_holder(fd, HEADER + at)


def say(text):
    print(text.decode() if isinstance(text, bytes) else text, flush=True)


def lines():
    for text in sys.stdin:
        yield text.rstrip("\n")
