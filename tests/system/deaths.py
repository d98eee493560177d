#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that make themselves impossible to run (tests/deaths), each in a machine of its own: the hypervisor ends them
with a sentence and a report, at once, and does not suffer.

    deaths.py KIND
"""

import os
import re
import subprocess
import sys

from machine import BUILD, TOP, Failure, Tap, require

KIND = sys.argv[1]

NO_FRAME = r"its kernel stack at .* cannot take an exception frame"
NO_SYSCALL = NO_FRAME if KIND == "pv32" else r"its kernel stack at .* cannot take (a system call|an exception frame)"
NO_ENTRY = r"exception \d+ at the entry of a handler \(error code \w+\)"
# Found where it is to be entered, not a few words further down by the kernel that already uses it.
STACK_OF_HYPERVISOR = r"its kernel stack at %s cannot take an exception frame" % (
    "ffff830000a00000" if KIND == "pv64" else r"\w+:f5800fec")

BOTH = {
    "stack-missing": NO_FRAME,
    "stack-missing-syscall": NO_SYSCALL,
    "stack-readonly": NO_FRAME,
    "stack-of-hypervisor": STACK_OF_HYPERVISOR,
    "stack-of-hypervisor-syscall": STACK_OF_HYPERVISOR,
    "stack-in-m2p": NO_FRAME,
    "kernel-stack-of-hypervisor": NO_FRAME,
    "event-stack-of-hypervisor": NO_FRAME,
    "stack-at-top": NO_FRAME,
    "stack-page-table": NO_FRAME,
    "stack-half-missing": NO_FRAME,
    "kernel-stack-lost": NO_FRAME,
    "event-stack-lost": NO_FRAME,
    "no-handler": r"exception 6 .* for which it has set no handler",
    "no-callback": r"an event for which it has set no callback",
    "no-failsafe": r"segments ds .* fs 0043 .* cannot be loaded, and there is no failsafe callback",
    "iret-unreadable": r"iret: the frame at .* cannot be read",
    "iret-of-hypervisor": r"iret: the frame at .* cannot be read",
}
PV64 = {
    "stack-not-canonical": NO_FRAME,
    "stack-not-canonical-syscall": NO_SYSCALL,
    "stack-in-hole": NO_FRAME,
    "iret-of-alias": r"iret: the frame at .* cannot be read",
    "iret-no-user-tables": r"iret to an application without user page tables",
}
PV32 = {
    "iret-ring0": r"iret to selector e018 with eflags",
    "iret-virtual-8086": r"iret to selector \w+ with eflags",
    "instruction-virtual-8086": r"virtual-8086 mode",
    "instruction-virtual-8086-rpl3": r"virtual-8086 mode",
    "handlers-in-turn": NO_ENTRY,
    "handlers-in-missing-ldt": NO_ENTRY,
    "handler-null": r"an entry point at \w+ with a null code selector",
    "stack-selector-bad": NO_ENTRY,
}


def die(way, sentence):
    """One machine; `reboot` and -no-reboot end it when Dom0 has crashed."""
    kernel = os.path.join(BUILD, "tests", "deaths-%s.elf" % KIND)
    out = subprocess.run(["sh", "scripts/guest-test", "%s %s" % (kernel, way), "reboot"], cwd=TOP, capture_output=True,
                         text=True, errors="replace", timeout=120, check=False).stdout
    found = re.search(r"^\(ringlet\) d0 vCPU 0 \(%s, \w+\) crashed at RIP \w+: (.*?)\r?$" % KIND, out, re.M)
    require(found, "no report: %s" % out[-600:])
    require(re.search(sentence, found[1]), "it says %r" % found[1])
    require(re.search(r"^\(ringlet\) +rip .* rflags", out, re.M), "no registers in the report")
    require("Dom0 has stopped: crash" in out, "the machine did not stop for it: %s" % out[-300:])
    if "PANIC" in out:
        raise Failure("a panic: %s" % out[-600:])


def main():
    tap = Tap()
    ways = {**BOTH, **(PV64 if KIND == "pv64" else PV32)}
    for way, sentence in ways.items():
        tap.step("%s: %s" % (KIND, way), lambda w=way, s=sentence: die(w, s))
    tap.end()


main()
