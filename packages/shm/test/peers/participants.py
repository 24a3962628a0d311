"""A line among those who share a structure, and a sleep until others ring: docs/wire-formats/broadcast.md, rules 7, 8, 10 and 11."""
import os, select

from region import Region, give_back, take

LIFE, PID, ANNOUNCEMENT, ROLE, BELL, POSITION, NEED, LINE = 0, 4, 8, 12, 16, 24, 28, 128
WRITER, READER, ANYBODY = 1, 2, 3


class Party(Region):
    """A structure and one of those who share it. A structure says with `repair` what to do about what a dead one has left in it."""

    number = announcements = 0

    def join(self, lines, count, role, position):
        self.lines, self.count = lines, count
        self.proof = self.open_again()
        everybody = range(1, count + 1)
        self.number = next(
            (n for free in (True, False) for n in everybody if self.is_there(n) != free and take(self.proof, self.line_of(n))), 0
        )
        assert self.number != 0, "all lines are taken"
        self.line = self.line_of(self.number)
        if self.is_there(self.number):
            self.clear_line(self.number)
        self.hang_bell()
        self.store(self.line + PID, os.getpid())
        self.store(self.line + ANNOUNCEMENT, 0)
        self.store(self.line + ROLE, role)
        self.store(self.line + POSITION, position)
        self.store(self.line + LIFE, (self.load(self.line + LIFE) & ~255) + 256 + self.number)

    def leave(self):
        self.store(self.line + ANNOUNCEMENT, 0)
        self.and_(self.line + LIFE, ~255)
        os.unlink(self.bell_path(self.line))
        self.ring_all(ANYBODY)
        os.close(self.proof)

    def line_of(self, number):
        return self.lines + (number - 1) * LINE

    def is_there(self, number):
        return self.load(self.line_of(number) + LIFE) & 255 != 0

    def others(self, roles):
        """The lines of those who are there."""
        for number in range(1, self.count + 1):
            line = self.line_of(number)
            if number != self.number and self.is_there(number) and self.load(line + ROLE) & roles:
                yield line

    def hang_bell(self):
        for word in (BELL, BELL + 4):
            self.store(self.line + word, int.from_bytes(os.urandom(4), "little"))
        os.mkfifo(self.bell_path(self.line), 0o600)
        self.bell = os.open(self.bell_path(self.line), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def bell_path(self, line):
        return f"/dev/shm/ipc-bell-{self.load(line + BELL):08x}{self.load(line + BELL + 4):08x}"

    def ring(self, line):
        announcement = self.load(line + ANNOUNCEMENT)
        if announcement == 0:
            return
        try:
            fd = os.open(self.bell_path(line), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                os.write(fd, b"\1")
            finally:
                os.close(fd)
        except OSError:
            pass  # nobody is there any more, or it is being rung already
        self.replace(line + ANNOUNCEMENT, announcement, 0)

    def ring_all(self, roles):
        for line in self.others(roles):
            self.ring(line)

    def wake_all(self, sleeping, role):
        """Rule 12: those of a role, if the structure's word says that somebody may sleep."""
        seen = self.load(sleeping)
        if seen & 1:
            self.ring_all(role)
            self.replace(sleeping, seen, seen & ~1)

    def clear_line(self, number):
        """The caller holds its lock."""
        line = self.line_of(number)
        self.repair(number, line)
        try:
            os.unlink(self.bell_path(line))
        except FileNotFoundError:
            pass
        self.store(line + ANNOUNCEMENT, 0)
        self.and_(line + LIFE, ~255)

    def bury_the_dead(self):
        for number in range(1, self.count + 1):
            line = self.line_of(number)
            if number == self.number or not self.is_there(number) or not take(self.proof, line):
                continue
            died = self.is_there(number)
            if died:
                self.clear_line(number)
            give_back(self.proof, line)
            if died:
                self.ring_all(ANYBODY)

    def sleep_until(self, sleeping, attempt):
        """Says "I am going to sleep", looks again, and sleeps. Looks for the dead now and then, instead of watching their bells."""
        while not (result := attempt()):
            self.announcements += 1
            self.store(self.line + ANNOUNCEMENT, self.announcements)
            self.add(sleeping, 2)
            self.or_(sleeping, 1)
            if result := attempt():
                break
            if select.select([self.bell], [], [], 0.1)[0]:
                os.read(self.bell, 4096)
            else:
                self.bury_the_dead()
        self.store(self.line + ANNOUNCEMENT, 0)
        return result
