#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 6: the program `pages` runs in a pv32 and in an fv guest, and the hypervisor counts. A step's price is the difference
between a run that has it and one that has not; answers are compared with that.
"""

import json
import os
import re

from grading import BUILD, Machine, Tap, answers, make, require
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
        m.run("pages touch %d" % WARM, 120)


def measure(m, kind):
    """{step: for each page, {reason: how often}}"""
    start(m, kind)
    costs, before = {}, None
    for step in STEPS:
        m.run("rl stats --reset")
        with Console(m, kind):
            m.run("pages %s %d" % (step, PAGES), 120)
        now = reasons(m, kind)
        if before is not None:
            costs[step] = {r: (now.get(r, 0) - before.get(r, 0)) / PAGES for r in set(now) | set(before)}
        before = now
    return costs


def checkup(m):
    with Console(m, "pv32"):
        output = m.run("checkup", 120)
    require(re.search(r"checkup: \d+ passed, 0 failed", output), "checkup says: " + output[-400:])


def batches(costs):
    require("fork" in costs, "nothing was counted")
    calls = costs["fork"].get("hypercall mmu_update", 0)
    require(calls <= BATCHED, "a fork makes %.2f mmu_update hypercalls for each page of the parent: watch the order in which it "
            "sets entries (fork_entries() in kern/mm/space.c)" % calls)


def answered(given, costs, kind, step):
    question = "%s.%s" % (kind, step)
    mine = given.get(question, [])
    require(len(mine) == 4 and all(re.fullmatch(r"\d+(\.\d+)?", w) for w in mine), "%s: wanted are four numbers" % question)
    require(step in costs[kind], "there is nothing to compare with")
    for names, value in zip(COLUMNS[kind], map(float, mine)):
        require(abs(value - sum(costs[kind][step].get(r, 0) for r in names)) <= WITHIN,
                "%s: not %g times `%s` for each page" % (question, value, "` or `".join(names)))


def main():
    tap = Tap()
    given, costs = {}, {"pv32": {}, "fv": {}}
    tap.step("the answers can be read", lambda: given.update(answers(os.path.join(LAB, "answers.txt"))))
    built = tap.step("the kernels compile", lambda: make(*IMAGES))

    def boot():
        require(built, "there is no kernel to boot")
        m.expect(SHELL, 120)
        m.run("rl stats --on")

    def run(kind):
        require(up, "there is no Dom0 to start it")
        costs[kind].update(measure(m, kind))

    def check():
        require(costs["pv32"], "there is no guest to check")
        checkup(m)

    with Machine(["-m", "256", "-cpu", "max", "-kernel", IMAGES[0], "-append", OPTIONS, "-initrd", ",".join(IMAGES[1:])],
                 os.path.join(OUT, "log"), limit=400) as m:
        up = tap.step("Dom0 reaches its shell", boot)
        for kind in costs:
            tap.step("%s: the program runs" % kind, lambda k=kind: run(k))
        tap.step("pv32: its memory behaves as it should", check)
    tap.step("pv32: a fork sends its entries in batches", lambda: batches(costs["pv32"]))
    for kind in costs:
        for step in STEPS[1:]:
            tap.step("%s: what `%s` costs for each page" % (kind, step), lambda k=kind, s=step: answered(given, costs, k, s))
    tap.end()


if __name__ == "__main__":
    main()
