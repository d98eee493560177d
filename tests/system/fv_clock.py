#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The clock of the bare machine's kernel in an fv domain that starts beside busy guests, on the one processor that they
all share, under -icount: it calibrates its counter while others run, and must be right all the same. Its time is on its
console every 100 ms; Dom0, whose clock is the hypervisor's, takes note of both.
"""

import os
import re

from machine import BUILD, Machine, Tap, require

SHELL = r"[\w-]+:/root# (\x1b\[6n)?$"
BUSY = "rl create -q demo64.cfg name=busy%d memory=16 'extra=run=while,true;do,:;done'"
CLOCK = "rl create -q fv.cfg name=%s memory=24 'extra=run=while,true;do,cat,/proc/uptime;sleep,0.1;done'"
# Only a whole last line counts; each log belongs to the number of its domain.
LOG = "log=/run/rl/console/$(rl domid %s)/log; "
LINES = "grep -E '^[0-9.]+ [0-9.]+.?$' $log"
# It has read its clock some times: its kernel has started, however long that took beside others.
STARTED = LOG + "until [ $(" + LINES + " | wc -l) -ge 5 ]; do sleep 1; done"
NOTE = LOG + "for i in 1 2; do echo \"at $(cut -d' ' -f1 /proc/uptime) $(" + LINES + " | tail -n 1)\"; [ $i = 2 ] || sleep %d; done"
SECONDS = 20
STARTS = 3  # each calibrates for itself
LIMIT = 0.03


def rate(m, name, seconds):
    """How many of its seconds pass in one of Dom0's."""
    text = m.run(NOTE % (name, seconds), 300)
    rows = [tuple(map(float, row)) for row in re.findall(r"^at ([\d.]+) +([\d.]+) [\d.]+\r?$", text, re.M)]
    require(len(rows) == 2, text)
    return (rows[1][1] - rows[0][1]) / (rows[1][0] - rows[0][0])


def right(m, name):
    m.run(CLOCK % name, 300)
    m.run(STARTED % name, 300)
    found = rate(m, name, SECONDS)
    print("# %s: rate %.4f" % (name, found))
    m.run("rl destroy %s" % name, 200)
    require(abs(found - 1) <= LIMIT, "its clock's rate is %.4f" % found)


def main():
    tap = Tap()
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0.cpio"))
    with Machine(["-m", "320", "-cpu", "max", "-icount", "shift=4,sleep=off", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=128M noreboot", "-initrd", initrd],
                 os.path.join(BUILD, "tests", "fv-clock.log"), limit=900) as m:
        m.expect(SHELL, 200)
        tap.step("alone", lambda: right(m, "alone"))
        for i in range(2):
            m.run(BUSY % i, 200)
        for i in range(STARTS):
            tap.step("beside two busy guests, start %d" % i, lambda n=i: right(m, "beside%d" % n))
    tap.end()


main()
