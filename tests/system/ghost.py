#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ghost.py MISTAKE...: the ghost check (hypervisor/ghost/ghost.h) sees a mistake in the hypervisor's bookkeeping.

Each MISTAKE is a build with one line of mm/ or gnt/ spoiled (GHOST_MISTAKE in hypervisor/build.mk). The guest test that goes
that way runs on it, and the ghost must say so, by the name of the hypercall.
"""

import os
import sys

from machine import BUILD, Machine, Tap, require

TEST = {  # which guest test goes that way, and what the ghost says
    "entry-kept": ("hc-update-va-mapping", "update_va_mapping: frame"),
    "pin-kept": ("hc-grant-table-op", "grant_table_op: "),
    "frame-kept": ("hc-memory-op", "memory_op: frame"),
    "chain-of-tables": ("attack-linear-tables", "mmu.*: .*the model refuses entry"),
}


def run(mistake):
    test, words = TEST[mistake]
    with Machine(["-m", "128", "-cpu", "max", "-kernel", os.path.join(BUILD, "ghost", mistake + ".elf"),
                  "-initrd", os.path.join(BUILD, "tests", test + "-pv64.elf"),
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=64M noreboot"],
                 os.path.join(BUILD, "tests", "ghost-%s.log" % mistake), limit=60) as m:
        m.expect(r"ghost: wrong: d0, " + words, 50)


def main():
    tap = Tap()
    for mistake in sys.argv[1:]:
        tap.step("the ghost sees: " + mistake, lambda m=mistake: run(m))
    require(tap.count == len(TEST), "a mistake is missing")
    tap.end()


main()
