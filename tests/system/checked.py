#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checked build of the teaching kernel (guest-kernel/checks/), where memory is filled when it is given back: every
allocation fails in turn, attacks and some fuzzing are borne; and, in instructions, for how long the kernel lock is held.

    checked.py KIND
"""

import os
import sys

from attack import PROMPT, boot, overflow, run
from machine import BUILD, Failure, Machine, Tap

KERNEL = "guest/kernel-%s.checked.elf"
# One instruction a nanosecond, whatever the host does meanwhile. With sleep=off an idle machine may not see what is typed.
COUNTED = ("-icount", "shift=0")


def passes(m, command):
    output, code = run(m, command, 300)
    if code:
        raise Failure(output.strip()[-1500:])
    for line in output.split("\n"):
        if line.startswith("#") or line.endswith(" borne"):
            print("# " + line.lstrip("# "))


def main():
    kind, tap = sys.argv[1], Tap()
    log = os.path.join(BUILD, "tests", "checked-%s.log" % kind)
    with Machine(boot(kind, KERNEL), log) as m:
        m.expect(PROMPT, 120)
        for command in ("failing", "attack closed-while-polled", "attack removed-directories", "attack program-of-zeros", "fuzz 1 2 500 3"):
            if not tap.step("%s: %s" % (kind, command), lambda: passes(m, command)):
                break
        else:
            tap.step("%s: the kernel stack overflows" % kind, lambda: overflow(m, kind))
    with Machine(boot(kind, KERNEL, 1, COUNTED), log + ".held") as m:
        m.expect(PROMPT, 300)
        tap.step("%s: the kernel lock is given back in time" % kind, lambda: passes(m, "failing held"))
    tap.end()


main()
