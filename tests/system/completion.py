#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Tab completes in Dom0's shell, where a terminal is at the console: verbs, options, domains, configurations, settings,
nodes of the store. The 64-bit Dom0 and the 32-bit one. Each line is completed, and then printed by an echo before it.
"""

import os
import re

from machine import BUILD, Machine, Tap, require

ASKS = r"\x1b\[999;999H\x1b\[6n\x1b8"
SHELL = r"dom0:[\w/]+# $"
LINES = [
    ("rl vc\t", "rl vcpu-list"),
    ("rl create demo6\tmem\t", "rl create demo64.cfg memory="),
    ("rl create --w\t/etc/rl/fv\t", "rl create --wait /etc/rl/fv.cfg"),
    ("rl destroy \t", r"rl destroy two\\ words"),
    ("rl list D\t", "rl list Domain-0"),
    ("rl pause D\t", "rl pause D"),
    ("rl rename two\t ne\t", r"rl rename two\\ words ne"),
    ("rl shutdown --t\t", "rl shutdown --timeout="),
    ("rl trace -o /etc/mo\t", "rl trace -o /etc/motd"),
    ("rl domname \t", "rl domname 1"),
    ("rl store rea\t/loc\tdo\t", "rl store read /local/domain/"),
    ("rl help set\t", "rl help settings"),
    ("rl nonsense \t", "rl nonsense"),
]


def shell(m):
    """It asks, and begins when it was answered."""
    m.expect(ASKS, 120)
    m.send("\x1b[50;132R")
    m.expect(SHELL, 60)


def completes(m):
    m.send("rl create -q demo32.cfg name='two words' extra=quiet\n")
    m.expect(SHELL, 60)
    for typed, wanted in LINES:
        m.send(typed + "\x01echo ': '\x05' |'\n")
        found = m.expect(r"^: (.*?) *\|$").group(1)
        m.expect(SHELL)
        # printf's words are those of a shell: what it quoted is whole.
        require(found == re.sub(r"\\\\ ", " ", wanted), "%r becomes %r, not %r" % (typed, found, wanted))


def size(m):
    require(m.run("stty size").split() == ["50", "132"], "the terminal's size is not known")
    m.expect(SHELL)


def again(m):
    """A shell that has ended is followed by one like it. busybox's commands without a file are found; others are not."""
    m.send("exit\n")
    shell(m)
    size(m)
    m.run("cal > /dev/null; nonsense 2> /dev/null", code=127)
    m.expect(SHELL)


def machine(bits):
    modules = "guest/kernel-pv%s.elf" % bits, "dom0.cpio" if bits == "64" else "dom0-32.cpio"
    return Machine(["-m", "256", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                    "-initrd", " ,".join(os.path.join(BUILD, m) for m in modules),
                    "-append", "console=com1 com1=115200,8n1 dom0_mem=96M noreboot"],
                   os.path.join(BUILD, "tests", "completion-%s.log" % bits), limit=250)


def main():
    tap = Tap()
    for bits in ("64", "32"):
        with machine(bits) as m:
            if tap.step("Dom0 (%s) asks for a terminal" % bits, lambda: shell(m)):
                tap.step("and knows its size", lambda: size(m))
                tap.step("Tab completes", lambda: completes(m))
                tap.step("in the next shell, too", lambda: again(m))
    tap.end()


main()
