"""
A mutex of @ipc/sync in Python, written from docs/wire-formats/lock.md and region.md alone.

`mutex.py NAME` says "ready", then obeys the lines it is told: acquire, try, release; "count COUNTER TIMES" adds one to the
first word of that region's payload, by a plain load and store, under the lock, so many times.

Python has no compare-exchange: gcc's __atomic functions are compiled into a library of a few lines.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import secrets
import select
import struct
import subprocess
import sys
import tempfile
import threading

PAYLOAD, STATE, SLOTS, LINE = 128, 64, 128, 64
LIFE, PID, THREAD, BELL, WAITING, STARTED, LABEL = 0, 4, 8, 12, 20, 40, 44
WAITERS, ABANDONED, IDENTITY, UNRECOVERABLE = 0x40000000, 0x80000000, 0x3FFFFFFF, 0xFF
F_OFD_GETLK, F_OFD_SETLK = 36, 37

ATOMICS = r"""
#include <stdint.h>
uint32_t load(uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
void store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
uint32_t exchange(uint32_t *word, uint32_t value) { return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST); }
int replace(uint32_t *word, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
"""


def atomics():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "atomics.so")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-x", "c", "-o", path, "-"], input=ATOMICS.encode(), check=True)
        library = ctypes.CDLL(path)
    for function in (library.load, library.exchange):
        function.restype = ctypes.c_uint32
    return library


class Mutex:
    def __init__(self, name):
        self.atomic = atomics()
        self.region = os.open(f"/dev/shm/ipc-{name}.mutex", os.O_RDWR | os.O_CLOEXEC)
        self.ofd(self.region, F_OFD_SETLK, fcntl.F_RDLCK, 0)
        self.memory = mmap.mmap(self.region, 0)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory)) + PAYLOAD
        assert self.memory[:4] == b"IPCR" and self.load(0) == 0x4C435049
        assert self.load(4) == 0x00010001 and self.load(12) == 0, "not a mutex of version 1, or a fair one"
        self.capacity = self.load(8)
        self.proof = os.open(f"/proc/self/fd/{self.region}", os.O_RDWR | os.O_CLOEXEC)
        self.announcement = 0
        high, low = self.hang_bell()
        self.slot = self.take_slot()
        index = (self.slot - SLOTS) // LINE
        before = self.load(self.slot + LIFE)
        for word in range(4, LINE, 4):
            self.store(self.slot + word, 0)
        with open("/proc/self/stat") as file:
            started = int(file.read().rpartition(")")[2].split()[19])
        words = {PID: os.getpid(), THREAD: threading.get_native_id(), BELL: high, BELL + 4: low, STARTED: started}
        for offset, value in words.items():
            self.store(self.slot + offset, value & 0xFFFFFFFF)
        self.memory[PAYLOAD + self.slot + LABEL : PAYLOAD + self.slot + LABEL + 9] = b"in Python"
        while (seen := self.load(16)) < index + 1 and not self.replace(16, seen, index + 1):
            pass
        self.identity = ((((before >> 8) + 1) & 0x3FFFFF) or 1) << 8 | (index + 1)
        self.store(self.slot + LIFE, self.identity)
        if before & 0xFF:
            self.ring_everybody()

    def word(self, offset):
        return ctypes.c_void_p(self.address + offset)

    def load(self, offset):
        return self.atomic.load(self.word(offset))

    def store(self, offset, value):
        self.atomic.store(self.word(offset), ctypes.c_uint32(value))

    def replace(self, offset, old, new):
        return self.atomic.replace(self.word(offset), ctypes.c_uint32(old), ctypes.c_uint32(new)) != 0

    @staticmethod
    def ofd(fd, command, kind, start):
        try:
            lock = struct.pack("hhqqixxxx", kind, os.SEEK_SET, start, 1, 0)
            return struct.unpack("hhqqixxxx", fcntl.fcntl(fd, command, lock))[0] != fcntl.F_UNLCK
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise

    def take_slot(self):
        slots = [SLOTS + index * LINE for index in range(self.capacity)]
        free = [slot for slot in slots if self.load(slot + LIFE) & 0xFF == 0]
        for slot in free + [slot for slot in slots if slot not in free]:
            if self.ofd(self.proof, F_OFD_SETLK, fcntl.F_WRLCK, PAYLOAD + slot):
                return slot
        sys.exit(4)

    def hang_bell(self):
        while True:
            identity = secrets.token_hex(8)
            self.bell_path = f"/dev/shm/ipc-bell-{identity}"
            os.mkfifo(f"{self.bell_path}.new", 0o600)
            self.bell = None
            try:
                self.bell = os.open(f"{self.bell_path}.new", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                os.rename(f"{self.bell_path}.new", self.bell_path)
                return int(identity[:8], 16), int(identity[8:], 16)
            except FileNotFoundError:  # another's sweep took the passing name away
                if self.bell is not None:
                    os.close(self.bell)

    def line_to(self, slot):
        path = f"/dev/shm/ipc-bell-{self.load(slot + BELL):08x}{self.load(slot + BELL + 4):08x}"
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):
                return None
            raise

    def is_alive(self, identity):
        index = (identity & 0xFF) - 1
        if not 0 <= index < self.capacity:
            return False
        slot = SLOTS + index * LINE
        return (
            self.load(slot + LIFE) == identity
            and self.ofd(self.proof, F_OFD_GETLK, fcntl.F_WRLCK, PAYLOAD + slot)
            and self.load(slot + LIFE) == identity
        )

    def ring_everybody(self):
        for index in range(min(self.load(16), self.capacity)):
            slot = SLOTS + index * LINE
            seen = self.load(slot + WAITING)
            if seen == 0 or slot == self.slot:
                continue
            line = self.line_to(slot)
            if line is not None:
                try:
                    os.write(line, b"!")
                except (BlockingIOError, BrokenPipeError):
                    pass
                os.close(line)
            self.replace(slot + WAITING, seen, 0)

    def attempt(self, announced):
        """What the lock was when it was taken; or None, and its owner."""
        while True:
            word = self.load(STATE)
            owner = word & IDENTITY
            if owner == UNRECOVERABLE:
                return "unrecoverable", 0
            if owner == 0:
                if self.replace(STATE, word, word | self.identity):
                    return ("abandoned" if word & ABANDONED else "taken"), 0
            elif not self.is_alive(owner):
                if self.replace(STATE, word, word & WAITERS | ABANDONED | self.identity):
                    return "abandoned", 0
            elif not announced or word & WAITERS or self.replace(STATE, word, word | WAITERS):
                return None, owner

    def acquire(self):
        taken, owner = self.attempt(False)
        while taken is None:
            self.announcement = (self.announcement + 1) & 0x7FFFFFFF or 1
            self.store(self.slot + WAITING, self.announcement)
            taken, owner = self.attempt(True)
            if taken is not None:
                break
            line = self.line_to(SLOTS + ((owner & 0xFF) - 1) * LINE)
            poll = select.poll()
            poll.register(self.bell, select.POLLIN)
            if line is not None:
                poll.register(line, 0)
            poll.poll(1 if line is None else None)
            if line is not None:
                os.close(line)
            try:
                while os.read(self.bell, 4096):
                    pass
            except BlockingIOError:
                pass
        self.store(self.slot + WAITING, 0)
        return taken

    def release(self):
        if self.atomic.exchange(self.word(STATE), ctypes.c_uint32(0)) & WAITERS:
            self.ring_everybody()

    def leave(self):
        self.store(self.slot + WAITING, 0)
        self.store(self.slot + LIFE, self.identity & ~0xFF)
        os.unlink(self.bell_path)


def count(mutex, name, times):
    fd = os.open(f"/dev/shm/ipc-{name}.counter", os.O_RDWR | os.O_CLOEXEC)
    counter = ctypes.c_uint32.from_buffer(mmap.mmap(fd, 0), PAYLOAD)
    for _ in range(times):
        mutex.acquire()
        counter.value += 1
        mutex.release()


mutex = Mutex(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    command, *rest = line.split()
    if command == "acquire":
        answer = mutex.acquire()
    elif command == "try":
        answer = mutex.attempt(False)[0] or "busy"
    elif command == "release":
        mutex.release()
        answer = "released"
    else:
        count(mutex, rest[0], int(rest[1]))
        answer = "counted"
    print(answer, flush=True)
mutex.leave()
