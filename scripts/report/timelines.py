#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Single-steps one system call in each arrangement and records what executes in which ring.

The program `onecall` calls getppid from an address that nothing else uses. A breakpoint there catches the
machine in the application; from then on every instruction is stepped, until the application has executed the
one after its system call. The privilege level tells hypervisor, kernel and application apart, and where kernel
and application share ring 3, the address does. Interrupts are held back, so a round is the bare path; the
cheapest of a few counts. The machines are those of `make cost`.

    timelines.py [-o FILE] [ARRANGEMENT...]      (in the root of the project)
"""

import argparse
import bisect
import json
import os
import subprocess
import sys
import tempfile

from gdb_remote import GdbError, GdbRemote

sys.path.insert(0, "scripts")
from cost import CPU, OUT, SHELL, start  # noqa: E402
from cost_table import IDS  # noqa: E402
import progress  # noqa: E402
from machine import Failure, Machine  # noqa: E402
from main_job import Console  # noqa: E402

ROUNDS = 3
STEPS_MAX = 200000
SYSCALL_LENGTH = 2  # of both `syscall` and `int 0x80`
USER_END_64 = 1 << 47  # kernel and hypervisor have the canonical addresses above (SDM 1, Canonical Addressing)


class Symbols:
    """Names of functions by address, from `nm` of an image with symbols."""

    def __init__(self, image):
        done = subprocess.run(["nm", "-n", image], capture_output=True, text=True, check=True)
        rows = [line.split() for line in done.stdout.splitlines()]
        # NASM's local labels, function.label and ..@number, belong to the function before them.
        rows = [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in "tT" and "." not in r[2]]
        self.addresses, self.names = [r[0] for r in rows], [r[1] for r in rows]

    def name(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 else "?"


def symbol_tables(arrangement):
    """{who: function from address to name}. Debian's Xen comes without symbols and has one name."""
    kernel = "native32" if arrangement == "fv32" else arrangement.split("_")[-1]
    call = "int 0x80" if arrangement.endswith("32") else "syscall"
    hypervisor = Symbols("build/ringlet.debug.elf").name
    return {"application": lambda rip: call,
            "kernel": Symbols("build/guest/kernel-%s.debug.elf" % kernel).name,
            "hypervisor": (lambda rip: "Xen") if arrangement.startswith("xen") else hypervisor}


def classify(arrangement, ring, rip):
    """What executes an instruction: the ring tells, and the address where two share a ring."""
    if ring == 0:
        return "kernel" if arrangement.startswith("native") else "hypervisor"
    if ring == 1 or rip >= USER_END_64:
        return "kernel"
    return "application"


def step_round(gdb, address):
    """[(ring, RIP)] of every instruction from the system call to the one after it."""
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
    """Stays of one owner in one ring, each with its functions in the order of their first use."""
    found = []
    for at, (ring, rip) in enumerate(steps):
        who = classify(arrangement, ring, rip)
        name = symbols[who](rip)
        if not found or (found[-1]["who"], found[-1]["ring"]) != (who, ring):
            found.append({"who": who, "ring": ring, "start": at, "end": at, "symbol": name, "functions": {}})
        found[-1]["end"] = at + 1
        found[-1]["functions"][name] = found[-1]["functions"].get(name, 0) + 1
    for segment in found:
        segment["functions"] = [{"symbol": n, "instructions": c} for n, c in segment["functions"].items()]
    return found


def boot(arrangement, gdb_socket):
    """The arrangement's machine with one processor, and a gdb stub that does not wait for a client."""
    stub = ["-chardev", "socket,path=%s,server=on,wait=off,id=gdb" % gdb_socket, "-gdb", "chardev:gdb"]
    return Machine(["-cpu", CPU] + stub + start(arrangement), "%s/timeline-%s.log" % (OUT, arrangement))


def run_onecall(m, arrangement):
    """The address of its system call, which it now makes repeatedly."""
    m.expect(SHELL, 240)
    if arrangement == "fv32":
        m.run("rl create -q fv.cfg extra=quiet", 120)
        Console(m, "fv").__enter__()  # to stay there
    m.send("onecall\n")
    return int(m.expect(r"onecall: getppid at (0x[0-9a-f]+)\n", 120)[1], 16)


def timeline(arrangement):
    """One entry of the file: the cheapest of ROUNDS rounds, and what each of them took."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with boot(arrangement, path) as m:
            address = run_onecall(m, arrangement)
            with GdbRemote(path) as gdb:
                rounds = [step_round(gdb, address) for _ in range(ROUNDS)]
    best = min(rounds, key=len)
    return {"arrangement": arrangement, "operation": "null_syscall", "accelerator": "TCG, single steps",
            "unit": "instructions", "instructions": len(best), "rounds": [len(r) for r in rounds],
            "segments": segments(arrangement, best, symbol_tables(arrangement))}


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    args.add_argument("-o", "--output", default=OUT + "/timelines.json")
    args.add_argument("arrangement", nargs="*", default=IDS)
    opt = args.parse_args()
    os.makedirs(OUT, exist_ok=True)
    made, failed = [], 0
    far = progress.Progress({name: 1 for name in opt.arrangement})
    for name in opt.arrangement:
        far.show(name)
        try:
            made.append(timeline(name))
            said = "%d instructions" % made[-1]["instructions"]
        except (Failure, GdbError) as why:
            failed += 1
            said = "FAILED: %s" % why
        far.finished(name)
        progress.clear()
        print("timelines: %s: %s" % (name, said), flush=True)
    with open(opt.output, "w", encoding="utf-8") as out:
        json.dump({"schema": 1, "timelines": made}, out, indent=1)
    if failed:
        sys.exit("timelines: %d of %d failed; the logs are in %s" % (failed, len(opt.arrangement), OUT))


if __name__ == "__main__":
    main()
