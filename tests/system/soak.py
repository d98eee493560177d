#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Domains of all kinds for an hour of guest time: made, used, restarted and ended in rounds, some by an rl that is killed
(soak/soak.sh). The auditor looks in between and finds nothing; in the end hypervisor, Dom0 and each daemon have the memory
that they had after the first rounds. Under -icount an idle machine's time costs nothing.

Environment: SECONDS of guest time (default 60; `make soak` 3,600).
"""

import os
import re

from machine import BUILD, Machine, Tap, audit, require

SECONDS = int(os.environ.get("SECONDS", "60"))
PERIOD = 60  # seconds of guest time that a round takes, with a rest; what passes between two commands does not count
ROUNDS = 4  # between two looks: each does the four things of which a round does one
SHELL = r"[#$] (\x1b\[6n)?$"
LOG = os.path.join(BUILD, "tests", "soak.log")
SLACK = {"hypervisor": 0, "Dom0": 768}  # pages, KiB; the store's own log on Dom0's disk grows and is rewritten
SLACK_DAEMON = 64, 0  # KiB, descriptors; a heap finds its shape in the first hundreds of domains


class Soak:
    def __init__(self, m):
        self.m, self.rounds, self.seconds, self.first, self.last = m, 0, 0, None, None

    def boot(self):
        self.m.expect(SHELL, 200)

    def call(self, what, limit):
        said = self.m.run("/tests/soak " + what, limit)
        wrong = re.findall(r"^failed: .*", said, re.M)
        require(not wrong, "%s: %s" % (what, "\n".join(wrong)))
        return said

    def memory(self):
        said = self.call("memory", 900)
        found = {name: tuple(map(int, values.split())) for name, values in re.findall(r"^([\w-]+) (\d+(?: \d+)?)$", said, re.M)}
        self.last = found
        self.first = self.first or found

    def look(self):
        """Some rounds, the auditor, and what memory there is."""
        said = self.call("rounds %d %d %d" % (self.rounds, ROUNDS, PERIOD), 3000)
        self.rounds += ROUNDS
        self.seconds += int(re.search(r"^took (\d+)", said, re.M)[1])
        audit(self.m)
        self.memory()
        print("# %d rounds, %d s: %s" % (self.rounds, self.seconds,
                                         ", ".join("%s %s" % (name, " ".join(map(str, values))) for name, values in self.last.items())))

    def judge(self):
        for name, first in self.first.items():
            for a, b, slack in zip(first, self.last[name], SLACK_DAEMON if "-" in name else (SLACK[name],)):
                # What is free may not become less, what is used not more.
                less = b - a if "-" in name else a - b
                require(less <= slack, "%s had %s, has %s after %d rounds" % (name, first, self.last[name], self.rounds))


def main():
    tap = Tap()
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-soak.cpio"))
    with Machine(["-m", "512", "-cpu", "max", "-icount", "shift=0,sleep=off", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=160M noreboot", "-initrd", initrd],
                 LOG, limit=500 + 10 * SECONDS) as m:
        soak = Soak(m)
        good = tap.step("Dom0 starts", soak.boot)
        while good and (soak.rounds < 2 * ROUNDS or soak.seconds < SECONDS):
            good = tap.step("rounds from %d" % soak.rounds, soak.look)
        if good:
            tap.step("memory is what it was after the first", soak.judge)
    tap.end()


main()
