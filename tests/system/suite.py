#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that others wrote, on one build of the teaching kernel: Lua, sqlite's shell, tcc with its own tests, and
busybox with its own tests. Every check must pass, and as many as are known to be there must be seen.

    suite.py KIND short|long
"""
import os
import re
import sys

from machine import BUILD, Machine, Tap, require

KIND, FORM = sys.argv[1:]
WORD = KIND[-2:]
KERNEL = os.path.join(BUILD, "guest", "kernel-%s.elf" % KIND)
INITRD = os.path.join(BUILD, "suite", "%s.cpio" % WORD)
MEMORY = 128
PROMPT = r"[#$] (\x1b\[6n)?$"
# Without messages of the kernel between those of the programs.
if KIND.startswith("pv"):
    BOOT = ["-m", str(MEMORY + 112), "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", "%s quiet,%s" % (KERNEL, INITRD),
            "-append", "console=com1 com1=115200,8n1 dom0_mem=%dM noreboot" % MEMORY]
else:
    BOOT = ["-m", str(MEMORY), "-kernel", KERNEL, "-initrd", INITRD, "-append", "quiet"]
# The applets of the short form: files, pipes, descriptors, archives; the rest is in the long one.
SHORT = "cat cp cpio cut date dd du echo expr find gunzip gzip head ln ls mkdir mv pidof printf pwd readlink realpath rm " \
        "rmdir tail tar tee test touch true wc xargs"
# Name, command, and how many checks are to pass at least.
SUITE = {
    "short": (("lua", "lua /suite/lua.lua", 10), ("sqlite", "sh /suite/sqlite.sh", 15), ("tcc", "sh /suite/tcc.sh " + WORD, 95),
              ("busybox", "sh /suite/busybox.sh " + SHORT, 100)),
    "long": (("lua", "lua /suite/lua.lua", 10), ("sqlite", "sh /suite/sqlite.sh", 15), ("tcc", "sh /suite/tcc.sh " + WORD, 95),
             ("busybox", "sh /suite/busybox.sh", 850)),
}
LIMIT = {"short": 500, "long": 5400}[FORM]


def passes(m, name, command, least):
    """Run one program's checks; what failed is told with what it printed."""
    text = m.run("%s >/tmp/suite.out 2>&1; cat /tmp/suite.out; rm /tmp/suite.out" % command, limit=LIMIT)
    count = {word: len(re.findall(r"^%s: " % word, text, re.M)) for word in ("PASS", "FAIL", "SKIPPED", "UNTESTED")}
    print("# %s: %s: %d passed, %d failed, %d left out" %
          (KIND, name, count["PASS"], count["FAIL"], count["SKIPPED"] + count["UNTESTED"]))
    failed = "\n".join(re.findall(r"^FAIL: .*\n(?:(?!PASS|SKIPPED).*\n){0,12}", text, re.M))
    require(not failed, failed)
    require(count["PASS"] >= least, "only %d checks passed, not %d: %s" % (count["PASS"], least, text[-1000:]))


def main():
    tap = Tap()
    log = os.path.join(BUILD, "tests", "suite-%s-%s.log" % (KIND, FORM))
    with Machine(["-cpu", "max"] + BOOT, log, limit=LIMIT) as m:
        if tap.step("%s: boots" % KIND, lambda: m.expect(PROMPT, LIMIT)):
            for name, command, least in SUITE[FORM]:
                tap.step("%s: %s" % (KIND, name), lambda: passes(m, name, command, least))
    tap.end()


main()
