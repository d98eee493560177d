# SPDX-License-Identifier: MIT
"""Lab 1: the student's classification against what the probe measures here, now, on the bare machine and in a guest."""

import os
import re
import subprocess

import fv_probe
from grading import BUILD, Machine, Tap, answers, make, require

ANSWERS = "docs/labs/1-classify/answers.txt"
PROBE = os.path.join(BUILD, "tests", "fv-probe.elf")
DOM0 = [os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-probe.cpio")]
STATE, RING1, RING3 = -1, 1, 2  # columns of the probe's table


def bare():
    """The probe's two tables: without and with UMIP."""
    text = subprocess.run(
        ["timeout", "60", "qemu-system-x86_64", "-cpu", "max", "-m", "64", "-display", "none", "-monitor", "none",
         "-nic", "none", "-no-reboot", "-serial", "stdio", "-kernel", PROBE], capture_output=True, text=True).stdout
    require("probe: end" in text, "the probe does not come to its end:\n" + text[-600:])
    return [fv_probe.rows(half) for half in text.split("with UMIP")]


def virtual():
    """Names that tell "ring 0" something wrong in an fv domain that is not patched."""
    with Machine(["-m", "256", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-append", fv_probe.OPTIONS,
                  "-initrd", ",".join(DOM0)], os.path.join(BUILD, "labs", "1-classify", "fv.log"), limit=200) as m:
        m.expect(fv_probe.SHELL, 120)
        _, rows = fv_probe.virtual(m, "fv_patch=0")
    return {name for name, row in rows.items() if row[0] == "WRONG"}


def column(answered, at, measured, manual):
    """The words at place `at` of each row must be what was measured."""
    wrong = [n for n, want in measured.items() if len(answered[n]) != 4 or answered[n][at] != want]
    require(not wrong, "%d of %d are not as measured, among them %s. %s"
            % (len(wrong), len(measured), ", ".join(wrong[:2]), manual))


def names(answered, question, want, hint):
    got = set(answered.get(question, []))
    require(got == want, "%d are missing, %d do not belong there. %s" % (len(want - got), len(got - want), hint))


def silent(rows):
    """Sensitive, and not privileged."""
    return {n for n, row in rows.items() if row[STATE] != "harmless" and "faults" not in row[RING1:RING3 + 1]}


def main():
    tap = Tap()
    plain, umip, answered, lies = {}, {}, {}, set()

    def measure():
        make(PROBE, DOM0[0], DOM0[1], os.path.join(BUILD, "ringlet.elf"))
        for rows, seen in zip((plain, umip), bare()):
            rows.update(seen)
        lies.update(virtual())
        require(lies, "without patching nothing was wrong")

    def read():
        answered.update(answers(ANSWERS))
        missing = [n for n in plain if n not in answered]
        require(not missing, "%s has no row for: %s" % (ANSWERS, " ".join(missing)))
        empty = [n for n in plain if len(answered[n]) != 4]
        require(not empty, "a row wants four words; look at: " + " ".join(empty))
        words = re.compile(r"(shows|changes|harmless)( (faults|differs|same)){3}$")
        odd = [n for n in plain if not words.match(" ".join(answered[n]))]
        require(not odd, "not the words that the head of the file explains: " + " ".join(odd))

    def at(place, rows, column_of, manual):
        require(plain, "nothing was measured")
        column(dict.fromkeys(plain, []) | answered, place, {n: row[column_of] for n, row in rows.items()}, manual)

    tap.step("the probe runs", measure)
    tap.step("the table is filled in", read)
    tap.step("what is sensitive", lambda: at(
        0, plain, STATE, "Ask: does ring 0 alone own what this instruction tells or alters?"))
    tap.step("ring 1", lambda: at(
        1, plain, RING1, "SDM volume 2, the instruction's section Protected Mode Exceptions: is there #GP for the CPL? "
        "If not: what does its Operation do when CPL > IOPL, and whose bits does it return?"))
    tap.step("ring 3", lambda: at(2, plain, RING3, "Does the processor treat ring 3 differently from ring 1 there?"))
    tap.step("ring 1 with UMIP", lambda: at(3, umip, RING1, "SDM volume 3, Control Registers, CR4.UMIP: it names five."))
    tap.step("what breaks the condition", lambda: names(
        answered, "breaks", silent(plain), "Sensitive, but not privileged: your own table already says which."))
    tap.step("what breaks it with UMIP", lambda: names(
        answered, "breaks-with-umip", silent(umip), "Does UMIP mend POPF?"))
    tap.step("what lies to a deprivileged kernel", lambda: names(
        answered, "lies", lies, "The kernel believes in ring 0 and IF clear, and is in ring 1 with IF set, under UMIP. An "
        "instruction lies if what it tells the kernel, or what came of it, is not what ring 0 would have seen."))
    tap.end()


if __name__ == "__main__":
    main()
