#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 6: the program `pages` runs in a pv32 and in an fv guest, and the hypervisor counts. A step's price is the difference
between a run that has it and one that has not; answers are compared with that.
"""

import json
import os
import re

from grading import BUILD, COUNTED, HANG, Judged, Points, answers, make, require
from main_job import SHELL, Console

LAB = "docs/labs/6-direct-or-shadow"
OUT = os.path.join(BUILD, "labs", "6-direct-or-shadow")
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"
IMAGES = [os.path.join(BUILD, "ringlet.elf"), os.path.join(BUILD, "guest", "kernel-pv64.elf"), os.path.join(OUT, "dom0.cpio")]
STEPS = ("none", "touch", "fork", "write")
PAGES = 1000
WARM = 4500  # so many that the kernel has zeroed every free page once, and its map of them is shadowed
WITHIN = 0.25
BATCHED = 0.15  # mmu_update hypercalls for each page of a fork, with what a fork costs anyway
FAULTS = ("trap #PF, page fault", "emulate shadow fill")  # the guest's own, and those that it never hears of
WORDS = {"pv32": ("page faults", "mmu_update", "mmuext_op", "iret"), "fv": ("page faults", "iret", "MOV from CR", "INVLPG")}
COLUMNS = {"pv32": (FAULTS, ("hypercall mmu_update",), ("hypercall mmuext_op",), ("hypercall iret",)),
           "fv": (FAULTS, ("emulate iret",), ("emulate mov from cr",), ("emulate group 0f 01",))}


def reasons(m, kind):
    """How often the guest came into the hypervisor since the counters were reset, by reason."""
    found = {}
    for vcpu in json.loads(m.run("rl stats --json " + kind))["vcpus"]:
        for r in vcpu["reasons"]:
            found[r["reason"]] = found.get(r["reason"], 0) + r["count"]
    return found


def start(m, kind):
    m.run("rl create -q %s name=%s memory=32 ramdisk=/boot/pages.cpio" % ({"pv32": "demo32.cfg", "fv": "fv.cfg"}[kind], kind))
    with Console(m, kind):
        m.run("pages touch %d" % WARM, HANG)


def measure(m, kind):
    """{step: for each page, {reason: how often}}"""
    start(m, kind)
    costs, before = {}, None
    for step in STEPS:
        m.run("rl stats --reset")
        with Console(m, kind):
            m.run("pages %s %d" % (step, PAGES), HANG)
        now = reasons(m, kind)
        if before is not None:
            costs[step] = {r: (now.get(r, 0) - before.get(r, 0)) / PAGES for r in set(now) | set(before)}
        before = now
    return costs


def checkup(m):
    with Console(m, "pv32"):
        output = m.run("checkup", HANG)
    require(re.search(r"checkup: \d+ passed, 0 failed", output), "checkup says: " + output[-400:])


def batches(costs):
    require("fork" in costs, "nothing was counted")
    calls = costs["fork"].get("hypercall mmu_update", 0)
    require(calls <= BATCHED, "a fork makes %.2f mmu_update hypercalls for each page of the parent: watch the order in which it "
            "sets entries (fork_entries() in kern/mm/space.c)" % calls)


def answered(given, costs, kind, step, at):
    question = "%s.%s" % (kind, step)
    mine = given.get(question, [])
    require(len(mine) == 4 and all(re.fullmatch(r"\d+(\.\d+)?", w) for w in mine), "%s: wanted are four numbers" % question)
    names = COLUMNS[kind][at]
    require(abs(float(mine[at]) - sum(costs[kind][step].get(r, 0) for r in names)) <= WITHIN,
            "%s: not %s times `%s` for each page" % (question, mine[at], "` or `".join(names)))


def main():
    points = Points()
    given, costs = {}, {"pv32": {}, "fv": {}}
    read, built, booted = "the answers can be read", "the kernels compile", "Dom0 reaches its shell"
    runs = {kind: "%s: the program runs" % kind for kind in costs}

    def boot():
        require(built not in points.broken, "there is no kernel to boot")
        m.expect(SHELL, HANG)
        m.run("rl stats --on")

    def run(kind):
        require(booted not in points.broken, "there is no Dom0 to start it")
        costs[kind].update(measure(m, kind))

    points.setup(read, lambda: given.update(answers(os.path.join(LAB, "answers.txt"))))
    points.setup(built, lambda: make(*IMAGES))
    with Judged(["-m", "256", "-cpu", "max", *COUNTED, "-kernel", IMAGES[0], "-append", OPTIONS, "-initrd", ",".join(IMAGES[1:])],
                 os.path.join(OUT, "log"), limit=2 * HANG) as m:
        points.setup(booted, boot)
        for kind in costs:
            points.setup(runs[kind], lambda: run(kind))
        points.setup("pv32: its memory behaves as it should", lambda: checkup(m) if runs["pv32"] not in points.broken else None)
    points.point("pv32: a fork sends its entries in batches", lambda: batches(costs["pv32"]), 6,
                 [built, booted, runs["pv32"], "pv32: its memory behaves as it should"])
    for kind in costs:
        for step in STEPS[1:]:
            for at, what in enumerate(WORDS[kind]):
                points.point("%s: %s: %s for each page" % (kind, step, what), lambda: answered(given, costs, kind, step, at), 1,
                             [read, built, booted, runs[kind]])
    points.end()


if __name__ == "__main__":
    main()
