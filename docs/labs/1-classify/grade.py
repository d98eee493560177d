# SPDX-License-Identifier: MIT
"""Lab 1: the student's classification against what the probe measures here, now, on the bare machine and in a guest."""

import os
import re
import subprocess

import fv_probe
from grading import BUILD, COUNTED, HANG, Judged, Points, answers, make, require

ANSWERS = "docs/labs/1-classify/answers.txt"
PROBE = os.path.join(BUILD, "tests", "fv-probe.elf")
DOM0 = [os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-probe.cpio")]
STATE, RING1, RING3 = -1, 1, 2  # columns of the probe's table
WORDS = (("shows", "changes", "harmless"),) + (("faults", "differs", "same"),) * 3


def bare():
    """The probe's two tables: without and with UMIP."""
    text = subprocess.run(
        ["timeout", str(HANG), "qemu-system-x86_64", "-cpu", "max", "-m", "64", "-display", "none", "-monitor", "none",
         "-nic", "none", "-no-reboot", "-serial", "stdio", *COUNTED, "-kernel", PROBE], capture_output=True, text=True).stdout
    require("probe: end" in text, "the probe does not come to its end:\n" + text[-600:])
    return [fv_probe.rows(half) for half in text.split("with UMIP")]


def virtual():
    """Names that tell "ring 0" something wrong in an fv domain that is not patched."""
    with Judged(["-m", "256", "-cpu", "max", *COUNTED, "-kernel", os.path.join(BUILD, "ringlet.elf"), "-append", fv_probe.OPTIONS,
                 "-initrd", ",".join(DOM0)], os.path.join(BUILD, "labs", "1-classify", "fv.log"), limit=HANG) as m:
        m.expect(fv_probe.SHELL, HANG)
        _, rows = fv_probe.virtual(m, "fv_patch=0")
    return {name for name, row in rows.items() if row[0] == "WRONG"}


def cell(answered, at, name, want, manual):
    """The word at place `at` of a row must be what was measured."""
    words = answered.get(name, [])
    require(len(words) == 4, "the row wants four words")
    require(words[at] in WORDS[at], "%r is none of: %s" % (words[at], " ".join(WORDS[at])))
    require(words[at] == want, "not %s. %s" % (words[at], manual))


def names(answered, question, want, hint):
    got = set(answered.get(question, []))
    require(got == want, "%d are missing, %d do not belong there. %s" % (len(want - got), len(got - want), hint))


def silent(rows):
    """Sensitive, and not privileged."""
    return {n for n, row in rows.items() if row[STATE] != "harmless" and "faults" not in row[RING1:RING3 + 1]}


def main():
    points = Points()
    plain, umip, answered, lies = {}, {}, {}, set()

    def measure():
        make(PROBE, DOM0[0], DOM0[1], os.path.join(BUILD, "ringlet.elf"))
        for rows, seen in zip((plain, umip), bare()):
            rows.update(seen)
        lies.update(virtual())
        require(lies, "without patching nothing was wrong")

    def column(what, at, rows, column_of, manual):
        for name, row in rows.items():
            points.point("%s: %s" % (what, name),
                         lambda n=name, r=row: cell(answered, at, n, r[column_of], manual), needs=needs)

    needs = ["the probe runs", "the answers can be read"]
    points.setup(needs[0], measure)
    points.setup(needs[1], lambda: answered.update(answers(ANSWERS)))
    column("what is sensitive", 0, plain, STATE, "Ask: does ring 0 alone own what this instruction tells or alters?")
    column("ring 1", 1, plain, RING1,
           "SDM volume 2, the instruction's section Protected Mode Exceptions: is there #GP for the CPL? "
           "If not: what does its Operation do when CPL > IOPL, and whose bits does it return?")
    column("ring 3", 2, plain, RING3, "Does the processor treat ring 3 differently from ring 1 there?")
    column("ring 1 with UMIP", 3, umip, RING1, "SDM volume 3, Control Registers, CR4.UMIP: it names five.")
    for what, question, want, hint in (
            ("what breaks the condition", "breaks", silent(plain),
             "Sensitive, but not privileged: your own table already says which."),
            ("what breaks it with UMIP", "breaks-with-umip", silent(umip), "Does UMIP mend POPF?"),
            ("what lies to a deprivileged kernel", "lies", lies,
             "The kernel believes in ring 0 and IF clear, and is in ring 1 with IF set, under UMIP. An "
             "instruction lies if what it tells the kernel, or what came of it, is not what ring 0 would have seen.")):
        points.point(what, lambda q=question, w=want, h=hint: names(answered, q, w, h), 10, needs)
    points.end()


if __name__ == "__main__":
    main()
