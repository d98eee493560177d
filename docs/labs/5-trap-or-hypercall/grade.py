#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 5: the ways must cross into the hypervisor as often as they should; figures are compared with what the meter says in
this tree, ratios with the figures, and functions with what QEMU saw being executed.
"""

import os
import re
import subprocess

from grading import BUILD, Machine, Tap, answers, boot, make, require, require_success

LAB = "docs/labs/5-trap-or-hypercall"
OUT = os.path.join(BUILD, "labs", "5-trap-or-hypercall")
KINDS, OPERATIONS, WAYS = ("pv64", "pv32"), ("ts", "pte"), ("trap", "hypercall", "batched")
N = 64
FIGURES_WITHIN, RATIOS_WITHIN = 0.2, 0.03


def image(kind):
    return os.path.join(OUT, "meter-%s.elf" % kind)


def measure(kind):
    """{(operation, way, n): (ticks, emulated, hypercalls)}"""
    make(os.path.join(BUILD, "ringlet.elf"), image(kind))
    text = boot(image(kind), limit=30, ICOUNT=1)
    require_success(text)
    return {(m[1], m[2], int(m[3])): tuple(map(int, m.groups()[3:]))
            for m in re.finditer(r"^COST (\w+) (\w+) (\d+) (\d+) (\d+) (\d+)$", text, re.M)}


def crossings(costs, operation):
    for way, emulated, hypercalls in (("trap", range(N, 2 * N + 1), [0]), ("hypercall", [0], [N]), ("batched", [0], [1])):
        require((operation, way, N) in costs, "there is nothing to judge")
        _, e, h = costs[operation, way, N]
        require(e in emulated and h in hypercalls, "%s by %s: %d operations were %d emulated instructions and %d hypercalls"
                % (operation, way, N, e, h))


def numbers(given, question, n):
    words = given.get(question, [])
    require(len(words) == n and all(re.fullmatch(r"\d+(\.\d+)?", w) for w in words), "%s: wanted are %d numbers" % (question, n))
    return [float(w) for w in words]


def close(value, truth, within):
    return abs(value - truth) <= within * truth


def figures(given, costs, kind, operation):
    mine = numbers(given, "%s.%s" % (kind, operation), len(WAYS))
    require(costs, "there is nothing to compare with")
    for way, value in zip(WAYS, mine):
        require(close(value, costs[operation, way, N][0] / N, FIGURES_WITHIN),
                "%s.%s: %g instructions by %s is not what is measured here" % (kind, operation, value, way))


def ratios(given, kind, operation):
    trap, hypercall, batched = numbers(given, "%s.%s" % (kind, operation), len(WAYS))
    mine = numbers(given, "%s.%s.ratios" % (kind, operation), 2)
    for value, truth, what in zip(mine, (trap / hypercall, hypercall / batched), ("trap by hypercall", "hypercall by batched")):
        require(close(value, truth, RATIOS_WITHIN), "%s.%s.ratios: %g does not follow from your figures (%s)"
                % (kind, operation, value, what))


def line(given, costs, kind):
    """A batch of n costs fixed + each * n."""
    fixed, each = numbers(given, "%s.pte.batch" % kind, 2)
    require(costs, "there is nothing to compare with")
    one, all_of_them = costs["pte", "batched", 1][0], costs["pte", "batched", N][0]
    slope = (all_of_them - one) / (N - 1)
    require(close(each, slope, FIGURES_WITHIN), "%s.pte.batch: %g for each entry is not what is measured here" % (kind, each))
    require(close(fixed, one - slope, FIGURES_WITHIN), "%s.pte.batch: %g for the call is not what is measured here" % (kind, fixed))


def executed(way, addresses):
    """How often each address was the first of a block that QEMU executed, while TS was cleared in this way."""
    log = os.path.join(OUT, "executed-%s.log" % way)
    with Machine(["-m", "256", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", "console=com1 dom0_mem=64M noreboot", "-initrd", "%s only=ts.%s" % (image("pv64"), way),
                  "-d", "exec,nochain", "-dfilter", ",".join("0x%x+1" % a for a in addresses), "-D", log],
                 os.path.join(OUT, "executed-%s.txt" % way), limit=60) as m:
        m.expect("RESULT success", 60)
        m.wait_end(30)
    seen = [int(a, 16) for a in re.findall(r"^Trace \d+: \S+ \[\w+/(\w+)/", open(log).read(), re.M)]
    os.remove(log)
    return [seen.count(a) for a in addresses]


def functions(given):
    names = given.get("trap.functions", [])
    require(len(set(names)) >= 4, "trap.functions: name four or more")
    symbols = subprocess.run(["nm", os.path.join(BUILD, "ringlet.debug.elf")], capture_output=True, text=True).stdout
    address = {name: int(at, 16) for at, name in re.findall(r"^(\w+) [tT] (\w+)$", symbols, re.M)}
    for name in names:
        require(name in address, "trap.functions: the image has no function %s (it may be part of its caller)" % name)
    addresses = [address[name] for name in names]
    for name, trap, call in zip(names, executed("trap", addresses), executed("hypercall", addresses)):
        require(trap - call >= N, "trap.functions: %s ran %d times for %d traps, %d times for as many hypercalls"
                % (name, trap, N, call))


def main():
    tap = Tap()
    given = {}
    costs = {kind: {} for kind in KINDS}
    tap.step("the answers can be read", lambda: given.update(answers(os.path.join(LAB, "answers.txt"))))
    for kind in KINDS:
        c = costs[kind]
        tap.step("%s: the ways do what they should" % kind, lambda c=c, k=kind: c.update(measure(k)))
        for op in OPERATIONS:
            tap.step("%s: %s crosses as often as it should" % (kind, op), lambda c=c, o=op: crossings(c, o))
            tap.step("%s: %s, the figures" % (kind, op), lambda c=c, k=kind, o=op: figures(given, c, k, o))
            tap.step("%s: %s, the ratios" % (kind, op), lambda k=kind, o=op: ratios(given, k, o))
        tap.step("%s: what a batch costs" % kind, lambda c=c, k=kind: line(given, c, k))
    tap.step("what runs for a trap and not for a hypercall", lambda: functions(given))
    tap.end()


if __name__ == "__main__":
    main()
