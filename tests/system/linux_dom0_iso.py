#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ISO with Debian's Linux as Dom0 (scripts/linux-dom0/grub.cfg): each entry of its menu to a shell with a network, and
who runs below it.
"""

import os
import re

import hosts
from machine import BUILD, Machine, Tap, require

PROMPT = r"dom0# (\x1b\[6n)?$"
NEXT = "\x0e"  # ^N: GRUB's next menu line

# What the first program's line says, and Debian's xl of the hypervisor; the bare machine has none.
ENTRIES = [("Ringlet, Debian's daemons", "is Dom0", "ringlet", "xenstored"),
           ("Ringlet, its own daemons", "is Dom0", "ringlet", "rl-stored"),
           ("Debian's Xen", "is Dom0", "xen", "xenstored"),
           ("the bare machine", "runs on the bare machine", None, None)]


def processor(host):
    """QEMU's arguments up to the kernel, which the ISO brings."""
    args = hosts.HOSTS[host or "ringlet"][0]
    return args[:args.index("-kernel")]


def boot(m, entry, said, host, store):
    m.expect(r"Linux on the bare machine", 100)
    for _ in range(entry):
        m.send(NEXT)
    m.send("\r")
    m.expect(r"Linux \S+ %s after \S+ s, 2 vCPU" % said, 900)
    m.expect(PROMPT, 60)
    require("inet 10.0.2." in m.run("ip addr show xenbr0"), "the bridge has no address")
    if host:
        require(re.search(r"^Domain-0 +0 ", m.run("xl list"), re.M), "xl does not list Dom0")
        major = m.run("xl info xen_extra")
        require(("ringlet" in major.lower()) == (host == "ringlet"), "xl info: %s" % major)
        require(store in m.run("busybox ps"), "%s does not run" % store)
    m.send("exit\n")
    m.wait_end(120)


def main():
    tap = Tap()
    for entry, (name, said, host, store) in enumerate(ENTRIES):
        with Machine(processor(host) + ["-m", "1900", "-smp", "2", "-no-reboot", "-cdrom", os.path.join(BUILD, "linux-dom0", "linux-dom0.iso"),
                                        "-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0"],
                     os.path.join(BUILD, "tests", "linux-dom0-iso-%d.log" % entry), limit=1500) as m:
            tap.step(name, lambda: boot(m, entry, said, host, store))
    tap.end()


if __name__ == "__main__":
    main()
