"""A peer of broadcasts and queues written from docs/wire-formats/{broadcast,region}.md alone.

    broadcast_peer.py <file> publish|produce                  sends each line of its input
    broadcast_peer.py <file> subscribe|consume [<history>]    prints a message for each line of its input
"""
import sys

from participants import LINE, NEED, POSITION, READER, WRITER, Party
from region import lines, say, signed

TAIL, HEAD, SLEEPING_READERS, JOINED, SLEEPING_WRITERS, LEFT_OVER = 0, 128, 256, 260, 384, 388
SLOTS, MAX_BYTES, MODE, PARTICIPANTS, LINES = 512, 516, 520, 524, 640
DONE, CLAIMED, FULL, TAKEN = range(4)


def phase_of(state):
    return state >> 8 & 3


class Slots(Party):
    def __init__(self, path, is_queue, role, history):
        super().__init__(path, "mpmc" if is_queue else "broadcast")
        self.is_queue = is_queue
        self.slots, self.max_bytes, self.waits = self.load(SLOTS), self.load(MAX_BYTES), self.load(MODE) == 1
        self.stride = (8 + self.max_bytes + 63) & ~63
        self.slots_at = LINES + self.load(PARTICIPANTS) * LINE
        assert self.size == self.slots_at + self.slots * self.stride, "damaged constants"
        self.position = (self.load(TAIL) - history) & 0xFFFFFFFF
        self.join(LINES, self.load(PARTICIPANTS), role, self.position)
        self.add(JOINED, 1 if role == READER else 0)

    def slot(self, message):
        return self.slots_at + message % self.slots * self.stride

    def state(self, message, phase, owner):
        return message // self.slots % (1 << 22) << 10 | phase << 8 | owner

    def lead(self, state, message):
        """By how many laps the slot is ahead of a message: 22 bits, signed."""
        return signed((state >> 10) - message // self.slots << 10) >> 10

    def payload(self, slot):
        length = self.load(slot + 4)
        return length, bytes(self.bytes[slot + 8 : slot + 8 + min(length, self.max_bytes)])

    def repair(self, owner, line):
        """Rule 8."""
        for slot in map(self.slot, range(self.slots)):
            seen = self.load(slot)
            if seen & 255 != owner:
                continue
            if phase_of(seen) == CLAIMED:
                self.replace(slot, seen, seen & ~0x3FF)
            elif phase_of(seen) == TAKEN:
                self.add(LEFT_OVER, 1)
                self.replace(slot, seen, seen & ~0x3FF | FULL << 8)

    def is_read(self, message):
        """Rule 3: whether all who read have read the message that this one would replace."""
        return all(signed(self.load(line + POSITION) - (message - self.slots)) > 0 for line in self.others(READER))

    def try_send(self, message):
        """Rule 2; False when there is no room."""
        while True:
            tail = self.load(TAIL)
            after = (tail + 1) & 0xFFFFFFFF
            slot = self.slot(tail)
            seen = self.load(slot)
            ahead = self.lead(seen, tail)
            if ahead == 0:
                self.replace(TAIL, tail, after)
            if ahead >= 0:
                continue
            if phase_of(seen) != DONE and (self.is_queue or phase_of(seen) != FULL):
                return False
            if self.waits and not self.is_read(tail):
                return False
            if not self.replace(slot, seen, self.state(tail, CLAIMED, self.number)):
                continue
            self.replace(TAIL, tail, after)
            self.store(slot + 4, len(message))
            self.bytes[slot + 8 : slot + 8 + len(message)] = message
            self.store(slot, self.state(tail, FULL, self.number))
            self.wake_all(SLEEPING_READERS, READER)
            return True

    def attempt_send(self, message):
        if self.try_send(message):
            return True
        self.store(self.line + NEED, self.load(TAIL) - self.slots + 1)
        return False

    def try_read(self):
        """Rule 4; None when there is nothing, else a message in a tuple."""
        while True:
            slot = self.slot(self.position)
            seen = self.load(slot)
            ahead = self.lead(seen, self.position)
            if ahead < 0 or (ahead == 0 and phase_of(seen) == CLAIMED):
                return None
            length, message = self.payload(slot)
            is_message = ahead == 0 and phase_of(seen) == FULL
            if is_message and self.load(slot) != seen:
                continue  # torn: it is being replaced
            self.position = (self.position + 1) & 0xFFFFFFFF
            self.store(self.line + POSITION, self.position)
            if self.waits:
                self.wake_all(SLEEPING_WRITERS, WRITER)
            if is_message:
                assert length <= self.max_bytes, "damaged length"
                return (message,)

    def take_message(self, message):
        slot = self.slot(message)
        seen = self.load(slot)
        if self.lead(seen, message) != 0 or phase_of(seen) != FULL:
            return None
        if not self.replace(slot, seen, self.state(message, TAKEN, self.number)):
            return None
        self.replace(HEAD, message, message + 1)
        length, taken = self.payload(slot)
        assert length <= self.max_bytes, "damaged length"
        self.store(slot, self.state(message, DONE, 0))
        self.wake_all(SLEEPING_WRITERS, WRITER)
        return (taken,)

    def try_take(self):
        """Rule 5; None when there is nothing, else a message in a tuple."""
        left_over, head = self.load(LEFT_OVER), self.load(HEAD)
        if left_over != 0:
            for back in range(self.slots, 0, -1):
                if taken := self.take_message((head - back) & 0xFFFFFFFF):
                    return taken
            self.replace(LEFT_OVER, left_over, 0)
        while True:
            head = self.load(HEAD)
            if taken := self.take_message(head):
                return taken
            seen = self.load(self.slot(head))
            ahead = self.lead(seen, head)
            if ahead < 0 or (ahead == 0 and phase_of(seen) == CLAIMED):
                return None
            if ahead > 0 or phase_of(seen) != FULL:
                self.replace(HEAD, head, head + 1)


verb = sys.argv[2]
writes, is_queue = verb in ("publish", "produce"), verb in ("produce", "consume")
party = Slots(sys.argv[1], is_queue, WRITER if writes else READER, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
say("ready")
for text in lines():
    if writes:
        party.sleep_until(SLEEPING_WRITERS, lambda: party.attempt_send(text.encode()))
    else:
        (message,) = party.sleep_until(SLEEPING_READERS, party.try_take if is_queue else party.try_read)
        say(message)
party.leave()
