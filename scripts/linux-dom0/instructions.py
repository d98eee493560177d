# SPDX-License-Identifier: MIT
"""Executed instructions, counted or listed by who executes them: QEMU logs each instruction (`singlestep`), and a pipe carries the
log here. A machine runs at a hundredth of its speed meanwhile, so what waits for time must count instructions (-icount).
"""

import collections
import os
import re
import select
import threading
import time

from machine import require

# Where each hypervisor's code is: docs/memory-layout.md; Xen's asm-x86/config.h.
CODE = {"ringlet": (0xffff828000000000, 0x4000000000), "xen": (0xffff82d040000000, 0x40000000)}
USER = 1 << 47
ICOUNT = ["-icount", "shift=0,sleep=on"]
END = b"end of the log\n"
PIECE = 1 << 20
DRAIN_SECONDS = 0.5
LINE = re.compile(rb"Trace (\d+): 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")


class Log:
    """`with log:` what is executed goes to take(), in pieces of the log that may end within a line. `filtered`: the machine's
    arguments keep everything but the hypervisor out of it."""

    def __init__(self, host, monitor, folder, filtered):
        self.host, self.monitor = host, monitor
        self.pipe = os.path.join(folder, "log")
        os.mkfifo(self.pipe)
        self.args = ["-dfilter", "0x%x+0x%x" % CODE[host]] if filtered else []
        self.reader = self.writer = None

    def order(self, line):
        self.monitor.run("human-monitor-command", **{"command-line": line})

    def __enter__(self):
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.writer = open(self.pipe, "wb", buffering=0)  # so that the pipe stays open when QEMU closes its end
        self.order("logfile " + self.pipe)
        self.order("singlestep on")
        self.order("log exec,nochain")
        return self

    def __exit__(self, *unused):
        self.order("log none")
        self.order("singlestep off")
        self.writer.write(END)
        self.reader.join()
        self.writer.close()

    def _read(self):
        with open(self.pipe, "rb", buffering=0) as pipe:
            ended, last = False, b""
            # QEMU may write the last of its log after our end: it closes it when it has time.
            while select.select([pipe], [], [], DRAIN_SECONDS if ended else None)[0]:
                piece = pipe.read(PIECE)
                ended = ended or END in last + piece
                last = piece[-len(END):]
                self.take(piece)

    def take(self, piece):
        raise NotImplementedError


class Counter(Log):
    """How many instructions the hypervisor executes."""

    def __init__(self, host, monitor, folder):
        super().__init__(host, monitor, folder, True)
        self.lines = 0

    def take(self, piece):
        self.lines += piece.count(b"\nTrace")

    def count(self, work):
        """What `work()` makes it execute."""
        self.lines = 0
        with self:
            work()
        return self.lines

    def each(self, work, few, many):
        """Of one of many equal things: work(few) has all that comes but once."""
        return (self.count(lambda: work(many)) - self.count(lambda: work(few))) / (many - few)


class Profile(Log):
    """How often each instruction of everybody is executed, by processor and address."""

    def __init__(self, host, monitor, folder):
        super().__init__(host, monitor, folder, False)
        self.found, self.rest, self.lock = collections.Counter(), b"", threading.Lock()

    def take(self, piece):
        whole, self.rest = (self.rest + piece).rsplit(b"\n", 1) if b"\n" in piece else (b"", self.rest + piece)
        with self.lock:
            self.found.update(LINE.findall(whole))

    def listed(self):
        with self.lock:
            return parsed(self.found)

    def take_all(self):
        with self.lock:
            found, self.found = self.found, collections.Counter()
        return parsed(found)

    def until(self, marks, enough, limit):
        """Run until a function of a program was called so often; how often it was, and what was executed since it was called for the
        first time. `marks`: addresses of the function's first instructions, of which the loader may change all but the last
        three digits."""
        end = time.monotonic() + limit
        with self:
            for wanted in (1, enough):
                self.take_all()
                while calls(self.listed(), marks) < wanted:
                    require(time.monotonic() < end, "no %d requests within %d s" % (wanted, limit))
                    time.sleep(0.2)
        listed = self.take_all()
        return calls(listed, marks), listed


def parsed(found):
    return {(int(cpu), int(pc, 16)): n for (cpu, pc), n in found.items()}


def calls(listed, marks):
    """The function that has these addresses, wherever it lies; the log may begin or end in its middle."""
    best = 0
    for (cpu, pc), n in listed.items():
        if pc < USER and (pc - marks[0]) & 0xfff == 0:
            others = [listed.get((cpu, pc + mark - marks[0]), 0) for mark in marks]
            if max(others) - min(others) <= 1:
                best = max(best, n)
    return best


def who(host, domains, cpu, pc):
    """Who executes that. `domains`: of each processor."""
    if host in CODE and CODE[host][0] <= pc < sum(CODE[host]):
        return "hypervisor"
    return "%s %s" % (domains[cpu], "program" if pc < USER else "kernel")


def by_who(host, domains, listed):
    sums = collections.Counter()
    for (cpu, pc), n in listed.items():
        sums[who(host, domains, cpu, pc)] += n
    return sums
