"""A peer of `LatestReader` and `LatestWriter` written from docs/wire-formats/{latest,broadcast,region}.md alone.

    latest_peer.py <file> read <count>     prints the latest values, whole, until it has seen <count> different ones
    latest_peer.py <file> publish          publishes each line of its input
"""
import fcntl, sys

from participants import ANYBODY, Party
from region import lines, ofd_lock, say

SEQUENCE, MAX_BYTES, PARTICIPANTS, SLEEPERS, SLEEPING_READERS, SLOTS = 0, 4, 8, 128, 132, 256


class Latest(Party):
    def __init__(self, path):
        super().__init__(path, "latest")
        self.max_bytes = self.load(MAX_BYTES)
        self.stride = (8 + self.max_bytes + 127) & ~127
        self.lines, self.count = SLOTS + 4 * self.stride, self.load(PARTICIPANTS)

    def slot(self, sequence):
        return SLOTS + (sequence & 3) * self.stride

    def read(self):
        """The sequence, 0 when there is no value, and the value."""
        while (sequence := self.load(SEQUENCE)) != 0:
            at = self.slot(sequence)
            written, length = self.load(at), self.load(at + 4)
            value = bytes(self.bytes[at + 8 : at + 8 + min(length, self.max_bytes)])
            if (self.load(SEQUENCE) - sequence) & 0xFFFFFFFF > 2:
                continue  # it may be torn
            assert written == sequence and length <= self.max_bytes, "damaged"
            return sequence, value
        return 0, b""

    def publish(self, value):
        sequence = (self.load(SEQUENCE) + 1) & 0xFFFFFFFF or 4
        at = self.slot(sequence)
        self.store(at, sequence)
        self.store(at + 4, len(value))
        self.bytes[at + 8 : at + 8 + len(value)] = value
        self.store(SEQUENCE, sequence)
        if self.load(SLEEPERS) != 0:
            self.wake(SEQUENCE)
        self.wake_all(SLEEPING_READERS, ANYBODY)


latest = Latest(sys.argv[1])
if sys.argv[2] == "publish":
    assert ofd_lock(latest.fd, fcntl.F_WRLCK, 1), "there is a writer"
    say("ready")
    for text in lines():
        latest.publish(text.encode())
else:
    say("ready")
    seen, last = 0, 0
    while seen < int(sys.argv[3]):
        sequence, value = latest.read()
        if sequence == last:
            latest.add(SLEEPERS, 1)
            latest.wait(SEQUENCE, last)
            latest.add(SLEEPERS, -1)
            continue
        seen, last = seen + 1, sequence
        print(sequence, value.decode())
