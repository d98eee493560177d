#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The test programs of the teaching kernel (tests/programs), on one of its builds with 16 MiB of its own: each
says how many of its checks passed, and afterwards the shell is still there.

    programs.py KIND PROGRAM...
"""

import os
import re
import sys

from attack import overflow
from machine import BUILD, Machine, Tap, require

KIND = sys.argv[1]
KERNEL = os.path.join(BUILD, "guest", "kernel-%s.elf" % KIND)
INITRD = os.path.join(BUILD, "tests", "programs%s.cpio" % KIND[-2:])
PROMPT = r"[#$] (\x1b\[6n)?$"
if KIND.startswith("pv"):
    BOOT = ["-m", "128", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", "%s ,%s" % (KERNEL, INITRD),
            "-append", "console=com1 com1=115200,8n1 dom0_mem=16M noreboot"]
else:
    BOOT = ["-m", "16", "-kernel", KERNEL, "-initrd", INITRD]


def passes(m, program):
    text = m.run("%s; true" % program, limit=350)
    found = re.search(r"^%s: (\d+) passed, (\d+) failed" % program, text, re.M)
    require(found and int(found[1]) > 0 and found[2] == "0", text[-2000:])


def typed_ahead(m):
    m.send("terminal --type\n")
    for asked, typed in (("type 5", "ab\nc\x04"), ("type a line", "def\n"), ("type 3", "ghi"), ("type 18", "x\x1b[24;80Ry\x1b[Az\x1b[1;"),
                        ("type the rest", "22R1R\x1b[3;4R23\n")):
        m.expect("^%s\n" % asked)
        m.send(typed)
    m.expect("^(all was read)\n")
    m.expect(PROMPT)


def whole_lines(m):
    """What one call writes, others do not tear."""
    text = m.run("terminal --lines", limit=200)
    lines = [line for line in text.split("\n") if line]
    torn = [line for line in lines if not re.fullmatch("a{300}|b{300}|c{300}", line)]
    require(len(lines) == 120 and not torn, "%d lines, of them torn: %s" % (len(lines), torn[:2]))


def interrupted(m):
    """One call that writes without end ends by ^C."""
    m.send("terminal --flood\n")
    m.expect("^flood\n")
    m.send("\x03")
    m.expect(PROMPT, 200)
    require("130" in m.run("echo code $?"), "it did not end by ^C")


def main():
    tap = Tap()
    log = os.path.join(BUILD, "tests", "programs-%s.log" % KIND)
    with Machine(["-cpu", "max"] + BOOT, log) as m:
        if tap.step("%s: boots" % KIND, lambda: m.expect(PROMPT)):
            for program in sys.argv[2:]:
                tap.step("%s: %s" % (KIND, program), lambda p=program: passes(m, p))
            tap.step("%s: typed ahead" % KIND, lambda: typed_ahead(m))
            tap.step("%s: lines stay whole" % KIND, lambda: whole_lines(m))
            tap.step("%s: a write is interrupted" % KIND, lambda: interrupted(m))
            tap.step("%s: the kernel stack overflows" % KIND, lambda: overflow(m, KIND))
    tap.end()


main()
