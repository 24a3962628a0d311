"""A peer of `Counters` written from docs/wire-formats/{counters,region}.md alone.

    counters_peer.py <file>     obeys lines: "read NAME" and "add NAME AMOUNT", which makes a counter if there is none
"""
import fcntl, os, sys

from region import Region, lines, ofd_lock, say

CAPACITY, DIRECTORY, SLOT, TYPE, NAME_LENGTH, NAME, COUNTER, SPARE = 0, 128, 256, 128, 132, 136, 1, 16


class Counters(Region):
    def __init__(self, path):
        super().__init__(path, "counters")
        self.capacity = self.load(CAPACITY)
        self.slots_at = (DIRECTORY + 4 * self.capacity + 127) & ~127
        assert self.size == self.slots_at + (self.capacity + SPARE) * SLOT, "damaged capacity"

    def slot(self, number):
        return self.slots_at + number * SLOT

    def entries(self, start=0):
        for entry in range(start, self.capacity):
            if (named := self.load(DIRECTORY + 4 * entry)) == 0:
                return
            assert named <= self.capacity + SPARE, "damaged directory"
            yield named - 1

    def find(self, name, start=0):
        """The slot of this name, or None; and the first entry from `start` on that is free then, or the capacity."""
        end = start
        for number in self.entries(start):
            at = self.slot(number) + NAME
            if self.bytes[at : at + self.load(at - 4)] == name:
                return self.slot(number), end
            end += 1
        return None, end

    def make(self, name):
        """Rule 4."""
        found, end = self.find(name)
        if found is not None:
            return found
        fd = self.open_again()  # for the lock; closing it gives the lock back
        try:
            for number in range(self.capacity + SPARE):
                if number in self.entries() or not ofd_lock(fd, fcntl.F_WRLCK, 16 + number):
                    continue
                if number not in self.entries():
                    break
                ofd_lock(fd, fcntl.F_UNLCK, 16 + number)
            slot = self.slot(number)
            self.store_long(slot, 0)
            self.store(slot + TYPE, COUNTER)
            self.store(slot + NAME_LENGTH, len(name))
            self.bytes[slot + NAME : slot + NAME + len(name)] = name
            while end < self.capacity:
                if self.replace(DIRECTORY + 4 * end, 0, number + 1):
                    return slot
                found, end = self.find(name, end)
                if found is not None:
                    return found
            raise AssertionError("all counters are taken")
        finally:
            os.close(fd)


counters = Counters(sys.argv[1])
say("ready")
for text in lines():
    command, name, *amount = text.split(" ")
    slot = counters.make(name.encode()) if command == "add" else counters.find(name.encode())[0]
    say("-" if slot is None else str(counters.add_long(slot, int(amount[0]) if amount else 0)))
