#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The other entries of the ISO's menu: a Dom0 in ring 1, which creates guests of both kinds, and the teaching kernel
on the bare machine. (main_job.py boots the first entry.)
"""

import os

from machine import BUILD, Machine, Tap, require

SHELL = r"[#$] (\x1b\[6n)?$"
NEXT = "\x0e"  # ^N: GRUB's next menu line


def choose(m, entry):
    """Take entry `entry` of the menu, by the keys a user would press."""
    m.expect(r"The teaching kernel on the bare machine", 60)
    for _ in range(entry):
        m.send(NEXT)
    m.send("\r")
    m.expect(SHELL, 120)


def ring1(m):
    choose(m, 1)
    require("pv32, ring 1" in m.run("cat /proc/version"), "no " + "pv32, ring 1")
    m.run("rl create -q demo32.cfg && rl create -q demo64.cfg")
    listed = m.run("rl list")
    require("demo32" in listed, "no " + "demo32")
    require("demo64" in listed, "no " + "demo64")
    m.run("rl destroy demo32 && rl destroy demo64")
    m.send("poweroff\n")
    require(m.wait_end(60) == 0, "QEMU did not end with 0")


def bare(m):
    choose(m, 2)
    require("native64, ring 0" in m.run("cat /proc/version"), "no " + "native64, ring 0")
    m.send("poweroff\n")
    require(m.wait_end(60) == 0, "QEMU did not end with 0")


def main():
    tap = Tap()
    for name, job in (("a Dom0 in ring 1 creates guests of both kinds", ring1), ("the teaching kernel on the bare machine", bare)):
        with Machine(["-m", "512", "-smp", "2", "-cpu", "max", "-cdrom", os.path.join(BUILD, "ringlet.iso")],
                     os.path.join(BUILD, "tests", "iso-%s.log" % job.__name__), limit=300) as m:
            tap.step(name, lambda: job(m))
    tap.end()


if __name__ == "__main__":
    main()
