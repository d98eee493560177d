#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fuzz_repeats.py KIND: what the hypercall fuzzer finds with one vCPU, it finds again. As Dom0, alone, the same seed makes the
same calls and gets the same results (a digest tells); another seed makes others.
"""

import os
import re
import sys
import tempfile

from machine import BUILD, Machine, Tap, require

KERNEL = os.path.join(BUILD, "tests", "fuzz-hypercalls-%s.elf" % sys.argv[1])
CALLS = int(os.environ.get("CALLS", "2000"))


def digest(seed):
    options = "console=com1 com1=115200,8n1 dom0_mem=64M noreboot audit=exit"
    with tempfile.TemporaryDirectory() as folder:
        with Machine(["-m", "128", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-append", options,
                      "-initrd", "%s seed=%d calls=%d alone=1" % (KERNEL, seed, CALLS)], os.path.join(folder, "log"), limit=100) as m:
            m.wait_end(100)
            found = re.search(r"^digest ([0-9a-f]+)", m.text, re.M)
            require(found, "no digest: " + m.text[-400:])
            require(re.search(r"audit: \d+ frames, ok", m.text) and "audit: wrong" not in m.text, "the auditor: " + m.text[-400:])
            return found[1]


def main():
    tap = Tap()
    first = []

    def again():
        first.append(digest(3))
        require(digest(3) == first[0], "the same seed did something else")

    if tap.step("the same seed, the same calls and results", again):
        tap.step("another seed, others", lambda: require(digest(4) != first[0], "another seed did the same"))
    tap.end()


main()
