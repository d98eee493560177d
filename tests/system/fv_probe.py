#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The probe of sensitive instructions (tests/fv-probe): which a monitor can see, and whether all tell the truth.

On the bare machine, in ring 1 and 3, some do not fault: this processor does not satisfy Popek and Goldberg, and
with UMIP it comes closer. As an fv domain the same probe finds nothing wrong in its "ring 0"; without patching it
does. Argument: the processor, or `bochs` for that emulator alone.
"""

import os
import re
import subprocess
import sys

from bochs import run
from machine import BUILD, Machine, Tap, require

SHELL = r"[\w-]+:/root# (\x1b\[6n)?$"
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"
CREATE = "rl create -q --wait fv.cfg name=probe kernel=/boot/probe.elf ramdisk= extra=virtual memory=8 %s"
SILENT = "popf iret mov_from_cs mov_from_ss push_cs push_ss".split()


def rows(text):
    """{instruction: [what came of it in each ring tried]}"""
    return {m[1]: m[2].split() for m in re.finditer(r"^  (\w+) +((?:right|WRONG|FAULTS|-) .*?)\r?$", text, re.M)}


def bare(cpu):
    text = subprocess.run(
        ["timeout", "60", "qemu-system-x86_64", "-cpu", cpu, "-m", "64", "-display", "none", "-monitor", "none",
         "-nic", "none", "-no-reboot", "-serial", "stdio", "-kernel", os.path.join(BUILD, "tests", "fv-probe.elf")],
        capture_output=True, text=True).stdout
    print("# " + text.replace("\r", "").strip().replace("\n", "\n# "))
    require("wrong in ring 0: 0" in text, "ring 0 itself is wrong")
    first = rows(text.split("with UMIP")[0])
    for name in SILENT:
        require(first[name][1] == first[name][2] == "differs", "%s: %s" % (name, first[name]))
    for name in ("cli", "hlt", "lgdt", "write_cr3", "in", "rdmsr"):
        require(first[name][1] == first[name][2] == "faults", "%s: %s" % (name, first[name]))
    counts = [int(n) for n in re.findall(r"in ring \d: (\d+): Popek and Goldberg are not", text)]
    require(len(counts) == (4 if cpu == "max" else 2), "verdicts: %s" % counts)
    require(cpu != "max" or counts[2] == counts[0] - 5, "UMIP catches five: %s" % counts)


def bochs():
    """Bochs enforces segment limits, which QEMU's TCG does not."""
    text = run(os.path.join(BUILD, "tests", "fv-probe.elf"), [], "probe: end")
    print("# Bochs: " + text.strip().replace("\n", "\n# Bochs: "))
    require("probe: end" in text, "it did not end")
    require("segment limits: enforced" in text, "limits are not enforced")
    found = rows(text)
    for name in SILENT:
        require(found[name][1] == found[name][2] == "differs", "%s: %s" % (name, found[name]))


def virtual(m, setting):
    m.run(CREATE % setting, 60)
    text = m.run("cat $(ls -d /run/rl/console/*/log | sort -V | tail -1)")
    require("probe: end" in text, "it did not end: " + text)
    return int(re.search(r"wrong in ring 0: (\d+)", text)[1]), rows(text)


def truth(m):
    wrong, found = virtual(m, "")
    require(wrong == 0, "wrong: %s" % [n for n, r in found.items() if r[0] in ("WRONG", "FAULTS")])


def silence(m):
    wrong, found = virtual(m, "fv_patch=0")
    for name in ("pushf", "mov_from_cs", "push_ss"):
        require(found[name][0] == "WRONG", "%s is right without patching" % name)
    require(wrong >= 5, "only %d wrong" % wrong)


def main():
    tap = Tap()
    cpu = sys.argv[1] if len(sys.argv) > 1 else "max"
    if cpu == "bochs":
        tap.step("the same under Bochs, which enforces segment limits", bochs)
        tap.end()
    tap.step("the bare machine is not virtualisable by traps alone", lambda: bare(cpu))
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-probe.cpio"))
    with Machine(["-m", "256", "-cpu", cpu, "-kernel", os.path.join(BUILD, "ringlet.elf"), "-append", OPTIONS,
                  "-initrd", initrd], os.path.join(BUILD, "tests", "fv-probe-%s.log" % cpu), limit=200) as m:
        m.expect(SHELL, 120)
        tap.step("as an fv domain its ring 0 tells the truth", lambda: truth(m))
        tap.step("without patching it does not", lambda: silence(m))
    tap.end()


if __name__ == "__main__":
    main()
