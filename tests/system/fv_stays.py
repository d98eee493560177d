#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No fv domain keeps interrupts off for long: a kernel that is as heavy as it can be (tests/fv-stays), its creation and
its end, under -icount, where ticks are instructions. The hypervisor's own record of its longest stays is the judge
(option `stays`, debug key `l`); a line of it tells domain, guest address and cause.
"""

import os
import re

from machine import BUILD, Failure, Machine, Tap, require

SHELL = r"[\w-]+:/root# (\x1b\[6n)?$"
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=96M noreboot stays"
LIMIT_FV = 100000  # instructions, whatever an fv domain does; and Dom0 for it
CREATE = "rl create -q fv.cfg name=stays kernel=/boot/fv-stays.elf ramdisk= memory=64"


def longest(m):
    """[(ticks, domain, line)], longest first; what was found is forgotten."""
    m.run("rl dmesg -c > /dev/null; rl debug-keys l; sleep 1", 200)
    lines = [line.strip() for line in m.run("rl dmesg").splitlines() if " ticks  d" in line]
    require(lines, "nothing was recorded")
    for line in lines[:9]:
        print("# " + line)
    return [(int(re.search(r"(\d+) ticks", line)[1]), int(re.search(r"  d(\d+) ", line)[1]), line) for line in lines]


def judge(m):
    for ticks, _, line in longest(m):
        require(ticks <= LIMIT_FV, line)


def runs(m):
    m.run("cat $(ls -d /run/rl/console/*/log | sort -V | tail -1) > /dev/null", 60, None)
    for _ in range(300):
        text = m.run("cat $(ls -d /run/rl/console/*/log | sort -V | tail -1)", 60, None)
        if re.search(r"^end", text, re.M):
            break
        if "stays" not in m.run("rl list", 60):
            longest(m)
            raise Failure("the domain has ended: " + text)
        m.run("sleep 1", 60)
    else:
        raise Failure("it did not end: " + text)
    judge(m)


def created(m):
    m.run(CREATE, 200)
    judge(m)


def ended(m):
    m.run("rl destroy stays", 200)
    judge(m)


def main():
    tap = Tap()
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-fv-stays.cpio"))
    with Machine(["-m", "256", "-cpu", "max", "-icount", "shift=0,sleep=off", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", OPTIONS, "-initrd", initrd], os.path.join(BUILD, "tests", "fv-stays.log"), limit=400) as m:
        m.expect(SHELL, 200)
        longest(m)
        tap.step("created and started", lambda: created(m))
        tap.step("the heavy kernel runs", lambda: runs(m))
        tap.step("ended", lambda: ended(m))
    tap.end()


if __name__ == "__main__":
    main()
