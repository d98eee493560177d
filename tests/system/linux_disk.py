#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests start from a virtual disk that the teaching Dom0 lends by rl-blkd: the disk of `make linux-disk` is Dom0's /dev/vda.

Linux has its root there, started by rl, and by GRUB for Xen from the whole disk with its partition and from the partition alone; each
Linux finds what the one before has written. The last one has GRUB's menu start the teaching kernel, which comes up too. Then the file
system is clean, and no frame is lost. The same guests on a Linux Dom0: linux_dom0_disk.py.

The machine's clock counts instructions, so the build machine may be as busy as it likes.
"""

import os

from disk_image import MARK, MARKS, clean_outside, copy, menu
from linux_guest import SHELL as LINUX, ask
from machine import BUILD, Machine, Tap, audit, require

DOM0 = r"dom0:/root# (\x1b\[6n)?$"
OURS = r"grub64:/root# (\x1b\[6n)?$"
WHOLE, ALONE = "phy:/dev/vda,xvda,w", "phy:/dev/vda1,xvda1,w"


def run(m, line, limit=600):
    said = m.run(line, limit)
    m.expect(DOM0)
    return said


def starts(m, name, lent, prompt):
    """Its console, at `prompt`."""
    run(m, "rl create -q %s.cfg 'disk=[\"%s\"]' memory=256" % (name, lent), 1200)
    m.send("rl console %s\n" % name)
    if name == "grub64":
        m.expect("Reading \\(xen/%s\\)/boot/grub/grub.cfg" % ("xvda,msdos1" if lent == WHOLE else "xvda1"), 1200)
    m.expect(prompt, 1200)


def ends(m):
    m.send("poweroff\n")
    m.expect(DOM0, 600)
    run(m, "until [ $(rl list | wc -l) = 2 ]; do usleep 100000; done")


def linux(m, name, lent, number, then=":"):
    starts(m, name, lent, LINUX)
    require("/dev/xvda1 / ext4 rw" in ask(m, "grep -w / /proc/mounts"), "its root is not on the disk")
    kept = ask(m, "touch %s; cat %s" % (MARKS, MARKS)).splitlines()
    require(kept == [MARK % n for n in range(1, number)], "before it, on the disk: %s" % kept)
    ask(m, "echo '%s' >>%s; seq 100000 >/root/numbers; %s" % (MARK % number, MARKS, then), 300)
    ends(m)


def ours(m):
    starts(m, "grub64", WHOLE, "Ringlet teaching kernel pv64")
    m.expect(OURS, 600)
    require("this program: 64 bits" in m.run("ring", 600, None), "ring says something else")
    m.expect(OURS)
    ends(m)


def main():
    tap = Tap()
    image = copy("linux-disk")
    arguments = ["-m", "1024", "-cpu", "max", "-icount", "shift=0,sleep=off", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                 "-append", "console=com1 loglvl=warning dom0_mem=400M noreboot",
                 "-initrd", "%s,%s" % (os.path.join(BUILD, "guest", "kernel-pv64.elf"), os.path.join(BUILD, "guests.cpio")),
                 "-drive", "if=virtio,format=raw,cache=unsafe,file=" + image]
    steps = [
        ("Linux has its root on a disk", lambda m: linux(m, "linux-disk", WHOLE, 1)),
        ("GRUB starts Linux from a partition", lambda m: linux(m, "grub64", WHOLE, 2)),
        ("GRUB starts Linux from a disk without partitions", lambda m: linux(m, "grub64", ALONE, 3, menu("pv64") + " >/boot/grub/grubenv")),
        ("GRUB starts the teaching kernel", ours), ("no frame is lost", audit)]
    with Machine(arguments, os.path.join(BUILD, "tests", "linux-disk.log"), 3600) as m:
        m.expect(DOM0, 600)
        for name, step in steps:
            if not tap.step(name, lambda step=step: step(m)):
                break  # a guest may still have the disk
    tap.step("the disk is clean, and has what they wrote", lambda: clean_outside(image, 3))
    tap.end()


main()
