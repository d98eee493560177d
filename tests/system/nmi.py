#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The machine's own NMI, by QEMU's monitor, reaches the NMI handler of Dom0's kernel, which sleeps meanwhile
(tests/pv-nmi).

    nmi.py KIND
"""

import os
import sys

from machine import BUILD, Machine, Tap, require
from monitor import Monitor

KIND = sys.argv[1]


def session():
    with Monitor() as monitor:
        kernel = os.path.join(BUILD, "tests", "pv-nmi-%s.elf" % KIND)
        args = monitor.args + ["-m", "256", "-smp", "2", "-cpu", "max",
                               "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", kernel + " machine",
                               "-append", "console=com1 dom0_mem=64M dom0_max_vcpus=1 noreboot audit=exit"]
        with Machine(args, os.path.join(BUILD, "tests", "nmi-%s.log" % KIND), limit=120) as m:
            m.expect("waiting for the machine")
            monitor.run("inject-nmi")
            m.expect("RESULT success")
            m.expect("audit: .* ok")
            require(m.wait_end(60) == 0, "QEMU's exit code is not 0")


def main():
    tap = Tap()
    tap.step("%s: an NMI of the machine is Dom0's" % KIND, session)
    tap.end()


main()
