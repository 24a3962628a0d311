"""A peer of `LoanPublisher` and `LoanReceiver` written from docs/wire-formats/{pool,broadcast,region}.md alone.

    pool_peer.py <file> publish     publishes each line of its input
    pool_peer.py <file> receive     borrows, prints and releases a message for each line of its input
"""
import sys

from participants import ANYBODY, LINE, POSITION, READER, WRITER, Party
from region import HEADER as REGION_HEADER, lines, say, signed, take

CHUNKS, CHUNK_BYTES, PARTICIPANTS, HEAD, RECEIVERS, SLEEPING_RECEIVERS, SLEEPING_PUBLISHER, LINES = 0, 4, 8, 128, 256, 384, 512, 640
HOLDERS, SEQUENCE, LENGTH, HEADER, PENDING, PAGE = 0, 4, 8, 64, 1, 4096


def align(size, unit):
    return -(-size // unit) * unit


class Pool(Party):
    def __init__(self, path):
        super().__init__(path, "pool")
        self.chunks, self.chunk_bytes = range(self.load(CHUNKS)), self.load(CHUNK_BYTES)
        self.places = 1 << len(self.chunks).bit_length()
        self.headers = LINES + self.load(PARTICIPANTS) * LINE
        self.ring_at = self.headers + align(len(self.chunks) * HEADER, 128)
        self.chunks_at = align(REGION_HEADER + self.ring_at + 4 * self.places, PAGE) - REGION_HEADER
        self.stride = align(self.chunk_bytes, 128 if self.chunk_bytes < PAGE else PAGE)
        assert self.size == self.chunks_at + len(self.chunks) * self.stride, "damaged constants"

    def holders(self, chunk):
        return self.headers + chunk * HEADER + HOLDERS

    def sequence(self, chunk):
        return self.load(self.headers + chunk * HEADER + SEQUENCE)

    def place(self, sequence):
        return self.ring_at + 4 * (sequence % self.places)

    def repair(self, owner, line):
        """Rule 7."""
        bit, position = 1 << owner, self.load(line + POSITION)
        is_last = self.and_(RECEIVERS, ~bit) == 0
        for chunk in self.chunks:
            holders = self.holders(chunk)
            if self.load(holders) & bit == 0:
                continue
            is_unread = signed(self.sequence(chunk) - position) >= 0
            if not is_last or not is_unread or not self.replace(holders, bit, PENDING):
                self.and_(holders, ~bit)
            elif self.load(RECEIVERS) != 0:
                self.replace(holders, PENDING, 0)


class Publisher(Pool):
    def __init__(self, path):
        """Rule 8."""
        super().__init__(path)
        self.join(LINES, self.load(PARTICIPANTS), WRITER, 0)
        assert take(self.proof, HEAD), "there is a publisher"
        for chunk in self.chunks:
            if signed(self.sequence(chunk) - self.load(HEAD)) >= 0:
                self.store(self.holders(chunk), 0)

    def hand_over(self, chunk, length):
        """Rule 3."""
        sequence, receivers = self.load(HEAD), self.load(RECEIVERS)
        self.store(self.headers + chunk * HEADER + SEQUENCE, sequence)
        self.store(self.headers + chunk * HEADER + LENGTH, length)
        self.store(self.holders(chunk), receivers or PENDING)
        self.store(self.place(sequence), chunk)
        self.store(HEAD, sequence + 1)
        now = self.load(RECEIVERS)
        if receivers != 0:
            self.and_(self.holders(chunk), now)
        elif now != 0 and self.replace(self.holders(chunk), PENDING, 0):
            self.hand_over(chunk, length)

    def try_publish(self, message):
        for chunk in self.chunks:
            if self.load(self.holders(chunk)) == 0:
                at = self.chunks_at + chunk * self.stride
                self.bytes[at : at + len(message)] = message
                self.hand_over(chunk, len(message))
                self.wake_all(SLEEPING_RECEIVERS, READER)
                return True
        return False


class Receiver(Pool):
    def __init__(self, path):
        """Rule 4."""
        super().__init__(path)
        self.tail = self.load(HEAD)
        self.join(LINES, self.load(PARTICIPANTS), READER, self.tail - 2**30)
        self.bit = 1 << self.number
        self.ring_all(ANYBODY)
        self.or_(RECEIVERS, self.bit)
        self.waiting = []
        for chunk in self.chunks:
            is_old = signed(self.sequence(chunk) - self.tail) < 0
            if self.load(self.holders(chunk)) & self.bit and is_old:
                self.and_(self.holders(chunk), ~self.bit)
            elif self.replace(self.holders(chunk), PENDING, self.bit) and is_old:
                self.waiting.append(chunk)
        self.waiting.sort(key=lambda chunk: signed(self.sequence(chunk) - self.tail))
        self.note_position()

    def note_position(self):
        self.store(self.line + POSITION, self.sequence(self.waiting[0]) if self.waiting else self.tail)

    def try_borrow(self):
        """Rule 5; None when there is nothing, else a chunk in a tuple."""
        if self.waiting:
            chunk = self.waiting.pop(0)
            self.note_position()
            return (chunk,)
        head = self.load(HEAD)
        if (head - self.tail) & 0xFFFFFFFF > self.places:
            self.tail = (head - self.places) & 0xFFFFFFFF
        while self.tail != head:
            chunk, sequence = self.load(self.place(self.tail)), self.tail
            assert chunk in self.chunks, "damaged ring"
            self.tail = (self.tail + 1) & 0xFFFFFFFF
            if self.load(self.holders(chunk)) & self.bit and self.sequence(chunk) == sequence:
                self.note_position()
                return (chunk,)
        return None

    def print_next(self):
        (chunk,) = self.sleep_until(SLEEPING_RECEIVERS, self.try_borrow)
        length = self.load(self.headers + chunk * HEADER + LENGTH)
        assert length <= self.chunk_bytes, "damaged length"
        at = self.chunks_at + chunk * self.stride
        say(bytes(self.bytes[at : at + length]))
        if self.and_(self.holders(chunk), ~self.bit) == 0:
            self.wake_all(SLEEPING_PUBLISHER, WRITER)

    def leave(self):
        self.repair(self.number, self.line)
        super().leave()


party = Publisher(sys.argv[1]) if sys.argv[2] == "publish" else Receiver(sys.argv[1])
say("ready")
for text in lines():
    if isinstance(party, Publisher):
        party.sleep_until(SLEEPING_PUBLISHER, lambda: party.try_publish(text.encode()))
    else:
        party.print_next()
party.leave()
