#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Single-steps one system call in each arrangement and writes down who executes what in which ring.

The program `onecall` calls getppid from an address that nothing else uses. A breakpoint there catches the machine in
the application; from then on every instruction is stepped until the application has executed the one behind its
system call. The privilege level tells hypervisor, kernel and application apart, and where kernel and application
share ring 3 the address does. Interrupts are held back, so a round is the bare path; the cheapest of a few counts.

    timelines.py [-o FILE] [ARRANGEMENT...]
"""

import argparse
import bisect
import json
import os
import subprocess
import sys
import tempfile

from gdb_remote import GdbError, GdbRemote
from machines import ARRANGEMENTS, BUILD, KERNELS, available, boot, shell
from machine import Failure

ROUNDS = 3
STEPS_MAX = 200000
SYSCALL_LENGTH = 2  # of both `syscall` and `int 0x80`
USER_END_64 = 1 << 47  # canonical addresses above belong to kernel and hypervisor (SDM 1, Canonical Addressing)


class Symbols:
    """Names of functions by address, from `nm` of an image with symbols."""

    def __init__(self, image):
        text = subprocess.run(["nm", "-n", os.path.join(BUILD, image)], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in text.splitlines()]
        # NASM's local labels, function.label and ..@number, belong to the function before them.
        rows = [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in "tT" and "." not in r[2]]
        self.addresses, self.names = [r[0] for r in rows], [r[1] for r in rows]

    def name(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 else "?"


def classify(arrangement, ring, rip):
    """Who executes an instruction: the ring tells, and the address where two share a ring."""
    if ring == 0:
        return "kernel" if arrangement.startswith("native") else "hypervisor"
    if ring == 1 or rip >= USER_END_64:
        return "kernel"
    return "application"


def step_round(gdb, address):
    """[(ring, RIP)] of every instruction from the system call to the one behind it."""
    gdb.breakpoint(address)
    gdb.go()
    gdb.no_breakpoint(address)
    steps = [gdb.where()]
    while steps[-1] != (3, address + SYSCALL_LENGTH):
        if len(steps) > STEPS_MAX:
            raise GdbError("no way back into the application within %d instructions" % STEPS_MAX)
        gdb.step()
        steps.append(gdb.where())
    return steps


def segments(arrangement, steps, symbols):
    """Runs of instructions of one owner in one ring, each with its functions in the order of their first use."""
    found = []
    for at, (ring, rip) in enumerate(steps):
        who = classify(arrangement, ring, rip)
        if not found or (found[-1]["who"], found[-1]["ring"]) != (who, ring):
            found.append({"who": who, "ring": ring, "start": at, "end": at, "symbol": symbols[who](rip), "functions": {}})
        last = found[-1]
        last["end"] = at + 1
        name = symbols[who](rip)
        last["functions"][name] = last["functions"].get(name, 0) + 1
    for segment in found:
        segment["functions"] = [{"symbol": name, "instructions": count} for name, count in segment["functions"].items()]
    return found


def symbol_tables(arrangement):
    """Functions from address to name, by owner. Debian's Xen comes without symbols: it is named as a whole."""
    kernel = Symbols("guest/kernel-%s.debug.elf" % KERNELS[arrangement])
    hypervisor = Symbols("ringlet.debug.elf")
    call = "int 0x80" if arrangement.endswith("32") else "syscall"
    return {"application": lambda rip: call, "kernel": kernel.name,
            "hypervisor": (lambda rip: "Xen") if arrangement.startswith("xen") else hypervisor.name}


def timeline(arrangement):
    """One entry of the file: the cheapest of ROUNDS rounds, and what each of them took."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        options = ["-chardev", "socket,path=%s,server=on,wait=off,id=gdb" % path, "-gdb", "chardev:gdb"]
        with boot(arrangement, options) as m:
            shell(m, arrangement)
            m.send("onecall\n")
            address = int(m.expect(r"onecall: getppid at (0x[0-9a-f]+)\n", 120)[1], 16)
            with GdbRemote(path) as gdb:
                rounds = [step_round(gdb, address) for _ in range(ROUNDS)]
    best = min(rounds, key=len)
    return {"arrangement": arrangement, "operation": "null_syscall", "accelerator": "TCG, single steps",
            "unit": "instructions", "instructions": len(best), "rounds": [len(r) for r in rounds],
            "segments": segments(arrangement, best, symbol_tables(arrangement))}


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    args.add_argument("-o", "--output", default=os.path.join(BUILD, "report", "timelines.json"))
    args.add_argument("arrangement", nargs="*", default=list(ARRANGEMENTS))
    opt = args.parse_args()
    os.makedirs(os.path.dirname(opt.output), exist_ok=True)
    made = []
    for name in opt.arrangement:
        if not available(name):
            continue
        print("  STEP     one system call, %s" % name, flush=True)
        try:
            made.append(timeline(name))
        except (Failure, GdbError) as why:
            sys.exit("timelines: %s: %s" % (name, why))
        print("           %d instructions" % made[-1]["instructions"], flush=True)
    with open(opt.output, "w", encoding="utf-8") as out:
        json.dump({"schema": 1, "timelines": made}, out, indent=1)


if __name__ == "__main__":
    main()
