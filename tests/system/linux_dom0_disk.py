#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests start from a virtual disk, on Debian's Linux as Dom0 and by its xl:  linux_dom0_disk.py ringlet|xen

The disk has one partition with Debian's Linux, GRUB's menu and kernels (make linux-disk). Linux has its root there, started by xl and
by GRUB for Xen; GRUB also starts the teaching kernel, of either width where there is a GRUB of that width. GRUB finds its menu in the
partition of a whole disk, and on a disk that is the partition alone. What a guest has written is there in the next; after each shutdown
the file system is clean, by Dom0's e2fsck and in the end by that of the build machine.

The machine's clock counts instructions, so no limit of xl or GRUB passes because the build machine is busy.
"""

import sys

import hosts
import xl_session
from disk_image import MARK, MARKS, clean_outside, copy, menu
from linux_guest import SHELL as GUEST_SHELL
from machine import Tap, require

CLOCK = [] if hosts.CLOCK else ["-icount", "shift=0,sleep=off"]
OURS = r"\w+:/root# (\x1b\[6n)?$"
WHOLE, ALONE = "phy:/dev/vdc,xvda,w", "phy:/dev/vdc1,xvda1,w"


def chooses(s, entry):
    """GRUB's menu starts `entry`, as grub-set-default has it."""
    s.ask("mount /dev/vdc1 /mnt && %s >/mnt/boot/grub/grubenv; umount /mnt" % menu(entry))


def starts(s, config, disk, prompt, limit=1200):
    """A guest's console, at its shell."""
    s.ask("xl create -q /etc/xen/%s.cfg 'disk=[\"%s\"]'" % (config, disk))
    s.m.send("xl console -t pv %s\n" % config)
    if config.startswith("grub"):
        s.m.expect("Reading \\(xen/%s\\)/boot/grub/grub.cfg" % ("xvda,msdos1" if disk == WHOLE else "xvda1"), limit)
        s.m.expect("GNU GRUB  version 2", limit)
    s.m.expect(prompt, limit)


def ends(s):
    """The guest goes off by itself; what it leaves is clean."""
    s.m.send("poweroff\n")
    s.m.expect(xl_session.SHELL, 600)
    s.ask("await '! xl list | grep -q -e disk -e grub'")
    s.ask("e2fsck -fn /dev/vdc1")


def linux(s, config, disk, number):
    """Linux with its root on the disk finds what the one before wrote, and writes."""
    starts(s, config, disk, GUEST_SHELL)
    require("/dev/xvda1 / ext4 rw" in s.inside("grep -w / /proc/mounts"), "its root is not on the disk")
    s.inside("grep -qx '%s' %s" % (MARK % (number - 1), MARKS), 0 if number > 1 else 2)
    s.inside("echo '%s' >>%s; seq 100000 >/root/numbers; sha256sum /root/numbers" % (MARK % number, MARKS))
    require(int(s.inside("date +%Y").split()[0]) > 2020, "the guest does not know the time")
    ends(s)


def ours(s, config, disk, entry):
    """GRUB starts the teaching kernel."""
    chooses(s, entry)
    starts(s, config, disk, "Ringlet teaching kernel %s" % entry)
    s.m.expect(OURS, 600)
    require("this program: %s bits" % entry[2:] in s.m.run("ring", 600, None), "ring says something else")
    s.m.expect(OURS)
    ends(s)


def by_grub(s, disk, number):
    chooses(s, "linux")
    linux(s, "grub64", disk, number)


def main(host):
    tap = Tap()
    image = copy("linux-dom0-disk-" + host)
    steps = [
        ("Linux has its root on a disk", lambda s: linux(s, "disk", WHOLE, 1)),
        ("GRUB starts Linux from a partition", lambda s: by_grub(s, WHOLE, 2)),
        ("GRUB starts Linux from a disk without partitions", lambda s: by_grub(s, ALONE, 3)),
        ("GRUB starts the teaching kernel", lambda s: ours(s, "grub64", WHOLE, "pv64")),
    ]
    if host == "ringlet":  # Xen 4.17 is built without guests of 32 bits
        steps.append(("GRUB in ring 1 starts the teaching kernel", lambda s: ours(s, "grub32", WHOLE, "pv32")))
    steps.append(("Dom0's kernel is content", lambda s: s.healthy()))
    more = CLOCK + ["-drive", "if=virtio,format=raw,cache=unsafe,file=" + image]
    with xl_session.machine(host, "linux-dom0-disk", 3600, more=more) as m:
        s = xl_session.Session(m, host, "")
        if tap.step("Linux is Dom0", s.boot):
            for name, step in steps:
                if not tap.step(name, lambda step=step: step(s)):
                    break  # a guest may still have the disk
    tap.step("the disk is clean, and has what they wrote", lambda: clean_outside(image, 3))
    tap.end()


if len(sys.argv) != 2 or sys.argv[1] not in hosts.HOSTS:
    sys.exit(__doc__)
main(sys.argv[1])
