"""A peer of rings of many writers written from docs/wire-formats/{mpsc,broadcast,region}.md alone.

    mpsc_peer.py <file> send       sends each line of its input
    mpsc_peer.py <file> claim      claims room for its first line, and dies
    mpsc_peer.py <file> receive    prints a message for each line of its input
"""
import os, sys

from participants import LINE, NEED, READER, WRITER, Party
from region import lines, say, signed, take

TAIL, HEAD, SLEEPING_READERS, SLEEPING_WRITERS, REPAIRED = 0, 128, 256, 384, 388
UNITS, PARTICIPANTS, LINES, UNIT = 512, 516, 640, 64
FREE, CLAIMED, FULL, SKIPPED = range(4)


def units_for(length):
    return max(1, (length + UNIT - 1) // UNIT)


def units_in(state):
    return state >> 2 if state & 3 == SKIPPED else units_for(state >> 10)


def wrapped(position):
    return position & 0xFFFFFFFF


class Ring(Party):
    def __init__(self, path, role):
        super().__init__(path, "mpsc")
        self.units = self.load(UNITS)
        self.max_bytes = min(16 * self.units, (1 << 22) - 1)
        self.states_at = LINES + self.load(PARTICIPANTS) * LINE
        self.units_at = self.states_at + self.units * 4
        assert self.size == self.units_at + self.units * UNIT, "damaged constants"
        self.join(LINES, self.load(PARTICIPANTS), role, 0)
        if role == READER:
            assert take(self.proof, HEAD), "there is a reader"
        self.position = self.load(HEAD)

    def state_of(self, position):
        return self.states_at + position % self.units * 4

    def bytes_of(self, position, length):
        at = self.units_at + position % self.units * UNIT
        return slice(at, at + length)

    def free_for(self, position):
        return wrapped(position & -self.units)

    def state(self, length, phase):
        return length << 10 | self.number << 2 | phase

    def units_at_most(self, position, needed):
        """Those that a record takes at a position, or that are left before the last one."""
        return min(needed, self.units - position % self.units)

    def repair(self, owner, line):
        """Rule 6."""
        for at in map(self.state_of, range(self.units)):
            seen = self.load(at)
            if seen & 3 == CLAIMED and seen >> 2 & 255 == owner:
                if self.replace(at, seen, units_in(seen) << 2 | SKIPPED):
                    self.add(REPAIRED, 1)

    def try_claim(self, length):
        """Rule 2: the position of a claimed record, or None when there is no room."""
        needed = units_for(length)
        while True:
            tail = self.load(TAIL)
            used = signed(tail - self.load(HEAD))
            if used >= self.units:
                return None
            at = self.state_of(tail)
            seen = self.load(at)
            if seen != self.free_for(tail):
                if seen & 3 != FREE:
                    self.replace(TAIL, tail, tail + units_in(seen))
                continue
            taken = self.units_at_most(tail, needed)
            if used + taken > self.units:
                return None
            fits = taken == needed
            if not self.replace(at, seen, self.state(length, CLAIMED) if fits else taken << 2 | SKIPPED):
                continue
            self.replace(TAIL, tail, tail + taken)
            if fits:
                return tail
            self.wake_all(SLEEPING_READERS, READER)

    def try_send(self, message):
        position = self.try_claim(len(message))
        if position is None:
            return False
        self.bytes[self.bytes_of(position, len(message))] = message
        self.store(self.state_of(position), self.state(len(message), FULL))
        self.wake_all(SLEEPING_READERS, READER)
        return True

    def attempt_send(self, message):
        assert len(message) <= self.max_bytes, "too long"
        while not self.try_send(message):
            tail = self.load(TAIL)
            need = wrapped(tail + self.units_at_most(tail, units_for(len(message))) - self.units)
            if self.load(self.line + NEED) == need:
                return False
            self.store(self.line + NEED, need)
        return True

    def store_head(self):
        self.store(HEAD, self.position)
        self.wake_all(SLEEPING_WRITERS, WRITER)

    def try_receive(self):
        """Rule 4; None when there is nothing, else a message in a tuple."""
        while True:
            position = self.position
            seen, following = self.load(self.state_of(position)), wrapped(self.free_for(position) + self.units)
            if seen == following:  # a reader that died had freed it
                self.position = wrapped(position + 1)
                continue
            if seen == self.free_for(position) or seen & 3 == CLAIMED:
                self.store_head()
                return None
            count, length = units_in(seen), seen >> 10
            is_message = seen & 3 == FULL
            assert seen & 3 != FREE and 0 < count == self.units_at_most(position, count), "damaged state"
            assert not is_message or length <= self.max_bytes, "damaged length"
            message = bytes(self.bytes[self.bytes_of(position, length if is_message else 0)])
            for unit in reversed(range(count)):
                self.store(self.state_of(position + unit), following)
            self.position = wrapped(position + count)
            if wrapped(self.position - self.load(HEAD)) >= self.units // 8:
                self.store_head()
            if is_message:
                return (message,)


verb = sys.argv[2]
ring = Ring(sys.argv[1], READER if verb == "receive" else WRITER)
say("ready")
for text in lines():
    if verb == "receive":
        (message,) = ring.sleep_until(SLEEPING_READERS, ring.try_receive)
        say(message)
    elif verb == "send":
        ring.sleep_until(SLEEPING_WRITERS, lambda: ring.attempt_send(text.encode()))
    else:
        os._exit(ring.try_claim(len(text)) is None)
if verb == "receive":
    ring.store_head()
ring.leave()
