#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rl killed at its Nth system call, for N to the last one, leaves nothing behind: no domain without a name, no name without
a domain, no memory, no file, nothing in the store; the same name is free at once. The checked build of the teaching kernel
counts and kills (guest-kernel/checks/); killed/killed.sh does the rest, in Dom0.

    killed.py short|long [CASE [FIRST [LAST]]]
"""

import os
import re
import sys

from machine import BUILD, Machine, Tap, audit, require

LONG = sys.argv[1] == "long"
# How many system calls lie between two points of the short form.
CASES = {"create": 40, "disk": 120, "attach": 40, "destroy": 9, "restart": 60, "rename": 12, "shutdown": 16, "pause": 16, "trace": 12, "create32": 40, "fv": 40}
LONG_ONLY = ("create32", "fv")
SHELL = r"[#$] (\x1b\[6n)?$"
LOG = os.path.join(BUILD, "tests", "killed-%s.log" % "-".join(sys.argv[1:3]))


def boot(m):
    m.expect(SHELL, 200)
    # What the tools need the first time, and Dom0's own pages.
    m.run("truncate -s 1M /killed.img; "
          "for i in 1 2; do rl create -q tiny.cfg name=x \"disk=['/killed.img,raw,xvda,w']\"; rl store ls /; rl destroy x; done > /dev/null; "
          "rl trace -o /tmp/killed.trace -t 0.1; dmesg -n 1", 60)


def case(m, name, step, more):
    said = m.run("/tests/killed %s %d %s" % (name, step, " ".join(more)), 3600 if LONG else 500)
    wrong = re.findall(r"wrong .*", said)
    points = re.search(r"points (\d+), the last at (\d+): (\d+)", said)
    require(points, "it did not end: " + said[-1000:])
    print("# %s: %s points, %s wrong" % (name, points[1], len(wrong)))
    require(not wrong, "\n".join(wrong[:20]))
    require(more or points[3] == "0", "it never ended by itself: " + points[0])


def main():
    tap = Tap()
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.checked.elf", "dom0-killed.cpio"))
    with Machine(["-m", "320", "-cpu", "max", "-icount", "shift=0,sleep=off", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=160M noreboot", "-initrd", initrd],
                 LOG, limit=20000 if LONG else 580) as m:
        if tap.step("Dom0 starts", lambda: boot(m)):
            for name, step in CASES.items():
                if name in sys.argv[2:3] or (len(sys.argv) == 2 and (LONG or name not in LONG_ONLY)):
                    tap.step(name, lambda n=name, s=step: case(m, n, 1 if LONG else s, sys.argv[3:]))
            tap.step("the auditor is content", lambda: audit(m))
    tap.end()


main()
