#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 5: what the ways do, and what that costs, is told by the meter's marks; how often they cross into the hypervisor, and
through which of its functions, QEMU saw. Figures are compared with that, and ratios with the figures.
"""

import os
import re

from grading import BUILD, Points, Watch, answers, judge_image, require

LAB = "5-trap-or-hypercall"
ANSWERS = os.path.join("docs", "labs", LAB, "answers.txt")
KINDS, OPERATIONS, WAYS = ("pv64", "pv32"), ("ts", "pte"), ("trap", "hypercall", "batched")
N = 64
FIGURES_WITHIN, RATIOS_WITHIN = 0.2, 0.03
DOES, CALL, CALLED, TICKS, END, DIGIT = 32, 33, 34, 35, 36, 64  # meter.c's marks
EMULATORS = ("emul_privileged", "emul_ptwr")


def hypervisor():
    """{name: address} of the functions of the hypervisor that the image names."""
    with os.popen("nm %s" % os.path.join(BUILD, "ringlet.debug.elf")) as nm:
        return {m[2]: int(m[1], 16) for m in re.finditer(r"^(\w+) [tT] (\w+)$", nm.read(), re.M)}


class Way:
    """What one way did: does (is it right?), calls (function of the hypervisor -> how often, for N), ticks {1: , N: }."""

    def __init__(self):
        self.does, self.calls, self.ticks = False, {}, {}


def read_log(seen):
    """{(operation, way): Way}"""
    ways, way, counting, digits = {}, None, False, None
    order = [(o, w) for o in OPERATIONS for w in WAYS]
    for name, _, _ in seen:
        if isinstance(name, int) and name < len(order):
            require(order[name] not in ways, "the meter did not run as it should")
            way = ways[order[name]] = Way()
        elif name == DOES:
            way.does = True
        elif name in (CALL, CALLED):
            counting = name == CALL
        elif name == TICKS:
            digits = ""
        elif isinstance(name, int) and name >= DIGIT:
            digits += str(name - DIGIT)
        elif name == END:
            way.ticks[N if way.ticks else 1] = int(digits or "0")
        elif counting:
            way.calls[name] = way.calls.get(name, 0) + 1
    return ways


def measure(kind, named):
    image = judge_image(LAB, kind, "meter")
    functions = hypervisor()
    wanted = {n: a for n, a in functions.items() if n.startswith("hc_") or n in EMULATORS or n in named}
    watched = Watch(image, {n: (a, a) for n, a in wanted.items()}).run()
    ways = read_log(watched.seen)
    require(len(ways) == len(OPERATIONS) * len(WAYS) and all(len(w.ticks) == 2 for w in ways.values()),
            "the meter came to no end: " + watched.text[-400:])
    return ways, set(functions)


def does(ways, operation):
    for way in WAYS:
        require(ways[operation, way].does, "%s by %s does not do it" % (operation, way))


def crosses(ways, operation, way, emulated, hypercalls):
    require(ways[operation, way].does, "%s by %s does not do it" % (operation, way))
    calls = ways[operation, way].calls
    e, h = sum(calls.get(n, 0) for n in EMULATORS), sum(n for name, n in calls.items() if name.startswith("hc_"))
    if calls.get("hc_multicall"):
        h = calls["hc_multicall"]  # the calls in it do not cross
    require(e in emulated and h in hypercalls, "%d operations were %d emulated instructions and %d hypercalls" % (N, e, h))


def numbers(given, question, n):
    words = given.get(question, [])
    require(len(words) == n and all(re.fullmatch(r"\d+(\.\d+)?", w) for w in words), "%s: wanted are %d numbers" % (question, n))
    return [float(w) for w in words]


def close(value, truth, within):
    return abs(value - truth) <= within * truth


def figure(given, ways, kind, operation, at):
    mine = numbers(given, "%s.%s" % (kind, operation), len(WAYS))[at]
    require(ways[operation, WAYS[at]].does, "the way does not do what it should")
    require(close(mine, ways[operation, WAYS[at]].ticks[N] / N, FIGURES_WITHIN), "%g instructions is not what is measured here" % mine)


def ratio(given, kind, operation, at):
    figures = numbers(given, "%s.%s" % (kind, operation), len(WAYS))
    mine = numbers(given, "%s.%s.ratios" % (kind, operation), 2)[at]
    require(figures[at + 1] and close(mine, figures[at] / figures[at + 1], RATIOS_WITHIN), "%g does not follow from your figures" % mine)


def line(given, ways, kind, at):
    """A batch of n costs fixed + each * n."""
    mine = numbers(given, "%s.pte.batch" % kind, 2)[at]
    way = ways["pte", "batched"]
    require(way.does, "the way does not do what it should")
    slope = (way.ticks[N] - way.ticks[1]) / (N - 1)
    require(close(mine, slope if at else way.ticks[1] - slope, FIGURES_WITHIN), "%g is not what is measured here" % mine)


def functions(given, ways, names):
    named = given.get("trap.functions", [])
    require(len(set(named)) >= 4, "trap.functions: name four or more")
    for name in named:
        require(name in names, "trap.functions: the image has no function %s (it may be part of its caller)" % name)
        trap, call = (ways["ts", w].calls.get(name, 0) for w in ("trap", "hypercall"))
        require(trap - call >= N, "trap.functions: %s ran %d times for %d traps, %d times for as many hypercalls"
                % (name, trap, N, call))


def main():
    points = Points()
    given, ways, names = {}, {}, {}
    read = "the answers can be read"
    points.setup(read, lambda: given.update(answers(ANSWERS)))

    def run(kind):
        ways[kind], names[kind] = measure(kind, given.get("trap.functions", []))

    for kind in KINDS:
        runs = "%s: the ways can be built and run" % kind
        points.setup(runs, lambda: run(kind))
        for op in OPERATIONS:
            points.point("%s: %s: the ways do what they should" % (kind, op), lambda: does(ways[kind], op), 1, [runs])
            for way, emulated, hypercalls in (("trap", range(N, 2 * N + 1), [0]), ("hypercall", [0], [N]), ("batched", [0], [1])):
                points.point("%s: %s by %s crosses as often as it should" % (kind, op, way),
                             lambda: crosses(ways[kind], op, way, emulated, hypercalls), 1, [runs])
            for at, way in enumerate(WAYS):
                points.point("%s: %s by %s, the figure" % (kind, op, way),
                             lambda: figure(given, ways[kind], kind, op, at), 1, [runs, read])
            for at, what in enumerate(("trap to hypercall", "hypercall to batched")):
                points.point("%s: %s, the ratio of %s" % (kind, op, what), lambda: ratio(given, kind, op, at), 1, [read])
        for at, what in enumerate(("the call", "an entry")):
            points.point("%s: what %s of a batch costs" % (kind, what), lambda: line(given, ways[kind], kind, at), 1, [runs, read])
    points.point("what runs for a trap and not for a hypercall", lambda: functions(given, ways["pv64"], names["pv64"]), 4,
                 ["pv64: the ways can be built and run", read])
    points.end()


if __name__ == "__main__":
    main()
