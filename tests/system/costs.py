#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program `cost` and its device, on the bare machine, paravirtual and unmodified in ring 1, where ticks count
instructions: every operation of the table is there, a second boot says the same, and the figures are in the order in
which they must be, whatever the numbers are. With few samples; `make cost` does the full measurement.
"""
import os
import re
import sys

from machine import BUILD, Machine, Tap, require

sys.path.insert(0, "scripts")
import cost  # noqa: E402

UNIT = "instructions"
ARRANGEMENTS = ("native32", "native64", "pv32", "pv64", "fv32")
figures = {}


def median(arrangement, op):
    return figures[arrangement][op]["median"]


def measured(arrangement):
    """cost.measure() itself demands that exactly the operations of the table are there."""
    figures[arrangement] = cost.measure(arrangement, UNIT, True, os.path.join(BUILD, "tests"))
    for op, f in figures[arrangement].items():
        require(0 < f["min"] <= f["p10"] <= f["median"] <= f["p90"] and f["n"] > 0, "%s: %s" % (op, f))


def repeats(arrangement):
    """Mostly to the instruction. Timers may fall differently, and most of all in two domains that wait."""
    again = cost.measure(arrangement, UNIT, True, os.path.join(BUILD, "tests"))
    same = [op for op in again if again[op]["median"] == median(arrangement, op)]
    require(len(same) * 2 > len(again), "only %s are the same" % " ".join(same))
    for op, f in again.items():
        before = median(arrangement, op)
        spread = 0.5 if op == "domain_round_trip" else 0.1
        require(abs(f["median"] - before) <= max(2, before * spread), "%s: %s, then %s" % (op, before, f["median"]))


def ascending(*places):
    """Each (arrangement, operation) must cost more than the one before."""
    values = [median(*p) for p in places]
    order = " < ".join("%s %s" % p for p in places)
    require(all(a < b for a, b in zip(values, values[1:])), "%s: %s" % (order, values))


def bare_instructions():
    for arrangement in ("native32", "native64"):
        for op in figures[arrangement]:
            if op.endswith("_instr"):
                require(median(arrangement, op) < 20, "%s %s: %s" % (arrangement, op, median(arrangement, op)))


def hypervisors_cost():
    for op in ("null_syscall", "fault_zero", "fault_copy", "process_switch", "fork_exec", "compile_job"):
        ascending(("native64", op), ("pv64", op))
        if op == "fork_exec":  # whole address spaces come and go: pv checks each entry, fv drops all shadows in one step
            ascending(("native32", op), ("pv32", op))
            ascending(("native32", op), ("fv32", op))
        else:
            ascending(("native32", op), ("pv32", op), ("fv32", op))
    # Nothing that the kernel does not ask for is free of the hypervisor; computing is.
    ascending(("native64", "kernel_stack"), ("pv64", "kernel_stack"))


def calls_and_traps():
    for pair in cost.table.pairs:
        for arrangement in ("pv32", "pv64"):
            if {pair["hypercall"], pair["trap"]} <= set(figures[arrangement]):
                ascending((arrangement, pair["hypercall"]), (arrangement, pair["trap"]))
    for op in figures["fv32"]:
        if op.endswith("_instr"):
            require(median("fv32", op) > 300, "fv32 %s: %s: it cannot have trapped" % (op, median("fv32", op)))


def ratios():
    """What processes may cost a paravirtual kernel, as a multiple of the bare machine's: page tables are kept for the next.
    And the clock is not read on each way in and out."""
    for op, most in (("fork_exit", 2.0), ("compile_job", 1.5)):
        ratio = median("pv64", op) / median("native64", op)
        print("# %s: pv64 %.2f times native64" % (op, ratio))
        require(ratio <= most, "%s: pv64 takes %.2f times as many instructions as native64, not at most %.1f" % (op, ratio, most))
    require(median("native64", "null_syscall") < 250, "a null system call: %s" % median("native64", "null_syscall"))


def batches():
    for arrangement in ("pv32", "pv64", "fv32"):
        ascending(*((arrangement, op) for op in ("pte_512", "pte_64", "pte_8", "pte_1")))


def two_domains():
    """A round trip has two switches in it, and more."""
    for arrangement in ("pv32", "pv64"):
        ascending((arrangement, "null_hypercall"), (arrangement, "domain_switch"), (arrangement, "domain_round_trip"))
        require(median(arrangement, "domain_round_trip") > 2 * median(arrangement, "domain_switch"), arrangement)


def command(m):
    require("--json" in m.run("cost --help"), "no help")
    require("null_syscall" in m.run("cost --list"), "no list")
    m.run("cost nonsense", code=2)
    output = m.run("cost --quick null_syscall port_instr")
    require(re.search(r"null system call +\d+\.\d +\d+\.\d", output), output)
    require(re.search(r"ticks in a microsecond: (99|100)\d\.", output), output)
    require(re.search(r"port input +\d", output) and not re.search("fork", output), output)


def accounts(m):
    """A loop is the program's own time, zeros that it asks for are the kernel's."""
    for line, mine in (("i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done", "user"),
                       ("dd if=/dev/zero of=/dev/null bs=64k count=20000 2>/dev/null", "sys")):
        output = m.run("time sh -c '%s' 2>&1" % line)
        times = {word: 60 * int(minutes) + float(seconds)
                 for word, minutes, seconds in re.findall(r"^(real|user|sys)\s+(\d+)m\s*([\d.]+)s", output, re.M)}
        require(times[mine] > 0.05, output)
        require(times[mine] > 0.8 * times["real"] and times["user"] + times["sys"] <= times["real"] + 0.02, output)


def device(m):
    names = m.run("cat /dev/cost").split()
    require("cr3_instr" in names and "pte_512" in names and len(names) == len(set(names)), names)
    for line in ("nonsense 1", "cr3_instr", "cr3_instr 0", "cr3_instr 5000000", "x" * 100):
        m.run("echo -n '%s' 2>/dev/null > /dev/cost" % line, code=1)
    m.run("echo -n 'cr3_instr 1' > /dev/cost")


def main():
    tap = Tap()
    with Machine(["-cpu", cost.CPU] + cost.KINDS[UNIT][0] + cost.start("native64"),
                 os.path.join(BUILD, "tests", "cost-command.log"), 200) as m:
        m.expect(cost.SHELL, 120)
        tap.step("the command says what it does, and prints a table", lambda: command(m))
        tap.step("the program's time and the kernel's are told apart", lambda: accounts(m))
        tap.step("the device refuses what it does not know", lambda: device(m))
    if all([tap.step("%s has every operation of the table, and no other" % a, lambda a=a: measured(a))
            for a in ARRANGEMENTS]):
        tap.step("a second boot of pv64 says the same", lambda: repeats("pv64"))
        tap.step("a second boot of native32 says the same", lambda: repeats("native32"))
        tap.step("privileged instructions cost next to nothing on the bare machine", bare_instructions)
        tap.step("a hypervisor costs something, and fv more than pv", hypervisors_cost)
        tap.step("a hypercall is cheaper than the trap for the same; in fv everything traps", calls_and_traps)
        tap.step("processes come and go at twice the bare machine's cost at most, and a system call is short", ratios)
        tap.step("the more at a time, the cheaper", batches)
        tap.step("domains take turns", two_domains)
    tap.end()


main()
