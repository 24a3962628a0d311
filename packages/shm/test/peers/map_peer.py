"""A peer of `SharedMap` written from docs/wire-formats/{map,region}.md alone.

    map_peer.py <file>     obeys lines: "get KEY", "set KEY VALUE", "delete KEY", and "die KEY": ends while it has that segment's lock
"""
import struct, sys

from region import Region, is_taken, lines, say, take

CAPACITY, KEY_BYTES, VALUE_BYTES, SEGMENTS, SEGMENT_SLOTS, SEED, OWNERS, SEGMENT = 0, 4, 8, 12, 16, 20, 128, 1152
LOCK, EPOCH, COUNT, REPAIRS, SEGMENT_BYTES = 0, 4, 8, 12, 128
KEY, STATUS, VERSION = 8, 3, 4
EMPTY, LIVE, DELETED = range(3)


def hash_of(key, seed):
    """MurmurHash3_x86_32, by Austin Appleby, of a whole number of words."""
    rotate = lambda word, bits: (word << bits | word >> (32 - bits)) & 0xFFFFFFFF
    result = seed
    for (word,) in struct.iter_unpack("<I", key):
        word = rotate(word * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF
        result = (rotate(result ^ word, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    result ^= len(key)
    result = (result ^ result >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    result = (result ^ result >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return result ^ result >> 16


class Map(Region):
    def __init__(self, path):
        super().__init__(path, "map")
        self.segments, self.slots, self.seed = self.load(SEGMENTS), self.load(SEGMENT_SLOTS), self.load(SEED)
        self.key_bytes, self.value_bytes = (-(-self.load(at) // 8) * 8 for at in (KEY_BYTES, VALUE_BYTES))
        self.slot_bytes = KEY + self.key_bytes + 2 * self.value_bytes
        self.slots_at = self.segment(self.segments)
        assert self.size == self.slots_at + self.segments * self.slots * self.slot_bytes, "damaged constants"
        self.become_owner()

    def segment(self, number):
        return SEGMENT + number * SEGMENT_BYTES

    def segment_of(self, key):
        return hash_of(key, self.seed) % self.segments

    def slot(self, segment, index):
        return self.slots_at + (segment * self.slots + index) * self.slot_bytes

    def key_at(self, slot):
        return bytes(self.bytes[slot + KEY : slot + KEY + self.key_bytes])

    def value_at(self, slot, state):
        return slot + KEY + self.key_bytes + state // VERSION % 2 * self.value_bytes

    def home(self, key):
        return (hash_of(key, self.seed) >> 16) * self.slots >> 16

    def find(self, key):
        """Rule 2: the index and state of the slot with the key, or of the EMPTY one that ends the search."""
        segment, home = self.segment_of(key), self.home(key)
        for index in (*range(home, self.slots), *range(home)):
            slot = self.slot(segment, index)
            state = self.load(slot)
            if state & STATUS == EMPTY or (state & STATUS == LIVE and self.key_at(slot) == key):
                return index, state
        return None, EMPTY

    def get(self, key):
        segment = self.segment_of(key)
        for _ in range(100_000):
            epoch = self.load(self.segment(segment) + EPOCH)
            index, state = self.find(key)
            if state & STATUS == LIVE:
                slot = self.slot(segment, index)
                at = self.value_at(slot, state)
                value = bytes(self.bytes[at : at + self.value_bytes])
                if self.load(slot) == state:
                    return value
            elif self.load(self.segment(segment) + EPOCH) == epoch:
                return None
        raise AssertionError("it never stands still")

    def publish(self, slot, key, value):
        """Writes to the value that is not valid, and makes it valid."""
        state = ((self.load(slot) & ~STATUS) + VERSION) | LIVE
        self.bytes[slot + KEY : slot + KEY + self.key_bytes] = key
        at = self.value_at(slot, state)
        self.bytes[at : at + self.value_bytes] = value
        self.store(slot, state)

    def status(self, segment, index):
        return self.load(self.slot(segment, index)) & STATUS

    def set_status(self, segment, index, status):
        slot = self.slot(segment, index)
        self.store(slot, ((self.load(slot) & ~STATUS) + VERSION) | status)

    def fill(self, segment, hole):
        """Rule 7."""
        for index in (*range(hole + 1, self.slots), *range(hole)):
            slot = self.slot(segment, index)
            status = self.status(segment, index)
            if status == EMPTY:
                break
            if status != LIVE or (index - self.home(self.key_at(slot))) % self.slots < (index - hole) % self.slots:
                continue
            at = self.value_at(slot, self.load(slot))
            self.publish(self.slot(segment, hole), self.key_at(slot), bytes(self.bytes[at : at + self.value_bytes]))
            self.add(self.segment(segment) + EPOCH, 1)
            self.set_status(segment, index, DELETED)
            hole = index
        self.set_status(segment, hole, EMPTY)

    def repair(self, segment):
        """Rule 8."""
        self.add(self.segment(segment) + EPOCH, 1)
        for index in range(self.slots):
            if self.status(segment, index) == LIVE and self.find(self.key_at(self.slot(segment, index)))[0] != index:
                self.set_status(segment, index, DELETED)
        for index in range(self.slots):
            if self.status(segment, index) == DELETED:
                self.fill(segment, index)
        self.store(self.segment(segment) + COUNT, sum(self.status(segment, index) == LIVE for index in range(self.slots)))
        self.add(self.segment(segment) + REPAIRS, 1)

    def become_owner(self):
        """Rule 3."""
        self.proof = self.open_again()
        number = next(n for n in range(1, 256) if take(self.proof, OWNERS + 4 * n))
        self.identity = ((self.load(OWNERS + 4 * number) >> 8) + 1) % (1 << 23) << 8 | number
        self.store(OWNERS + 4 * number, self.identity)

    def is_dead(self, owner):
        at = OWNERS + 4 * (owner & 255)
        return self.load(at) != owner or not is_taken(self.proof, at)

    def acquire(self, segment):
        """Rule 4."""
        lock = self.segment(segment) + LOCK
        while not self.replace(lock, 0, self.identity):
            owner = self.load(lock)
            if owner != 0 and self.is_dead(owner) and self.replace(lock, owner, self.identity):
                self.repair(segment)
                return

    def set(self, key, value):
        """Rule 5; False when the map is full."""
        segment = self.segment_of(key)
        index, state = self.find(key)
        is_new = state & STATUS != LIVE
        count = sum(self.load(self.segment(each) + COUNT) for each in range(self.segments))
        if index is None or (is_new and count >= self.load(CAPACITY)):
            return False
        self.publish(self.slot(segment, index), key, value)
        self.add(self.segment(segment) + COUNT, int(is_new))
        return True

    def delete(self, key):
        """Rule 6."""
        segment = self.segment_of(key)
        index, state = self.find(key)
        if state & STATUS != LIVE:
            return False
        self.set_status(segment, index, DELETED)
        self.add(self.segment(segment) + COUNT, -1)
        self.fill(segment, index)
        return True


shared = Map(sys.argv[1])
say("ready")
for text in lines():
    command, name, *value = text.split(" ", 2)
    key = name.encode().ljust(shared.key_bytes, b"\0")
    if command == "get":
        found = shared.get(key)
        say("-" if found is None else found.rstrip(b"\0"))
        continue
    segment = shared.segment_of(key)
    shared.acquire(segment)
    if command == "die":
        sys.exit(0)
    done = shared.delete(key) if command == "delete" else shared.set(key, value[0].encode().ljust(shared.value_bytes, b"\0"))
    shared.store(shared.segment(segment) + LOCK, 0)
    say("done" if done else "not")
