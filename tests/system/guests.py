#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that others wrote, from Debian packages (make guests), under Ringlet and under Debian's Xen 4.17:

    guests.py domains   as domains beside Dom0
    guests.py dom0      Debian's Linux as Dom0 itself

The same Dom0 (the teaching kernel with `rl`) starts the same images on both hypervisors and does the same to them,
so what differs is the hypervisor; and what Linux says about it is compared line by line. Some guests need no comparison and are
started on Ringlet alone.

Xen has no 32-bit PV any more: GRUB for i386 is started on Ringlet alone.
"""

import os
import re
import sys
import time

import hosts
import linux_guest
from linux_guest import SHELL as LINUX_SHELL, ask
from machine import BUILD, Machine, Tap, require

DOM0_SHELL = r"[#$] (\x1b\[6n)?$"
GUESTS = os.path.join(BUILD, "guests")
DOM0 = [os.path.join(BUILD, "guest", "kernel-pv64.elf"), os.path.join(BUILD, "guests.cpio")]
LINUX_DOM0 = [os.path.join(GUESTS, "vmlinux") + " console=hvc0", os.path.join(GUESTS, "initrd-linux.cpio")]
END = {"ringlet": None, "xen": "Hardware Dom0 halted: halting machine"}  # Xen leaves ACPI's power-off to Dom0
# As linux_guest.compare() takes them: what Linux says on one of the two alone.
STATED = [
    r"ringlet dmesg: Xen version: 4\.17\.0-ringlet \(preserve-AD\)", r"xen dmesg: Xen version: 4\.17\.\d+ \(preserve-AD\)",
    # No 32-bit PV on Xen; no guests by hardware virtualisation on Ringlet.
    r"ringlet hypervisor: properties/capabilities:xen-3.0-x86_64 xen-3.0-x86_32p ",
    r"xen hypervisor: properties/capabilities:xen-3.0-x86_64 hvm-.*",
    # Two more bits on Xen, which say nothing to this Linux: highmem_assist, not_direct_mapped.
    r"ringlet hypervisor: properties/features:00000[08]b0", r"xen hypervisor: properties/features:000220f0|.*:000228f0",
    # Event channels by bitmaps on Ringlet; with queues, which Xen has too, Linux does not ask for VIRQ_DEBUG.
    r"ringlet dmesg: xen:events: Using 2-level ABI", r"xen dmesg: xen:events: Using FIFO-based ABI",
    r"ringlet interrupt: xen-percpu -virq debug\d",
]
STATED_DOM0 = STATED + [
    # Ringlet ends Dom0's memory map where dom0_mem= does; Xen shows Dom0 all of the machine, to grow into.
    r"ringlet dmesg: Xen: \[mem 0x0000000000100000-.*\] usable", r"xen dmesg: Xen: \[mem 0x0000000000100000-.*\] usable",
    # Xen marks its APICs in the map, and keeps the timer of ACPI to itself.
    r"xen dmesg: Xen: \[mem 0x00000000fe[ce].*\] reserved", r"ringlet dmesg: clocksource: acpi_pm: .*",
]


def boot_dom0(m):
    m.expect(DOM0_SHELL, 120)
    require("Domain-0" in m.run("rl list"), "no Domain-0 in rl list")


def create(m, what, ready, limit=180):
    """Start a guest with its console here; a note tells how long it took to be ready."""
    start = time.monotonic()
    m.send("rl create -c %s\n" % what)
    m.expect(r"leave it with", limit)
    built = time.monotonic()
    m.expect(ready, limit)
    print("# %s: built in %.1f s, ready after %.1f s" % (what, built - start, time.monotonic() - start))


def ended(m, how, limit=60):
    m.expect(r"domain \d+ has ended: " + how, limit)
    m.expect(DOM0_SHELL)
    listed = m.run("rl list").splitlines()[1:]
    require([row.split()[0] for row in listed if row.strip()] == ["Domain-0"], "domains are left: %s" % listed)


def linux(m, what, vcpus, found=None, asked=False):
    """It ends by itself, or asked by Dom0."""
    create(m, "%s vcpus=%d" % (what, vcpus), LINUX_SHELL)
    linux_guest.looks_around(m, vcpus)
    if found is not None:
        found |= linux_guest.facts(m)
    linux_guest.works(m, vcpus)
    if vcpus > 1:
        linux_guest.unplugs(m, vcpus)
    if not asked:
        m.send("poweroff -f\n")
        ended(m, "poweroff")
        return
    m.send("\x1d")
    m.expect(DOM0_SHELL)
    # The daemons that come again go on with Linux's rings and watches.
    m.run("killall -9 rl-stored rl-consoled rl-domd; rl store ls / > /dev/null; killall -9 rl-stored")
    said = m.run("rl shutdown -w %s" % what.split(".")[0], 120)
    require("Waiting for domain" in said, "it does not say what it waits for: " + said)
    require("linux" not in m.run("rl list"), "it is still there")


def grub(m, what):
    create(m, what, r"grub> $", 60)
    # What is typed comes back letter by letter with cursor movements between: whole words are answers.
    m.send("ls\n")
    m.expect(r"\(memdisk\)")
    m.send("lsmod\n")
    m.expect(r"^crypto\s+\d+")
    m.send("echo it is me\n")
    m.expect(r"^it is me$")
    m.send("halt\n")
    ended(m, "poweroff")


def mach(m):
    create(m, "mach.cfg", "No bootstrap code loaded with the kernel!", 60)
    m.expect(DOM0_SHELL)


def power_off(m, host):
    m.send("poweroff -f\n")
    if END[host]:
        m.expect(END[host])
        return
    code = m.wait_end(60)
    require(code == 0, "QEMU's exit code is %d" % code)


def machine(host, memory, vcpus, modules, what):
    return Machine(hosts.arguments(host, memory, "dom0_mem=320M dom0_max_vcpus=%d" % vcpus, modules),
                   os.path.join(BUILD, "tests", "guests-%s-%s.log" % (what, host)), limit=1200)


def domains(tap, host, found):
    def one(name, function, *args):
        """A step; what a failed one leaves is cleared away for the next."""
        if not tap.step("%s: %s" % (host, name), lambda: function(m, *args)):
            m.send("\x1d\n")
            m.run("for d in linux-cloud linux grub64 grub32 mach; do rl destroy $d; done 2>/dev/null", code=None)

    with machine(host, 1536, 1, DOM0, "domains") as m:
        if not tap.step("%s: Dom0 reaches its shell" % host, lambda: boot_dom0(m)):
            return
        one("Debian's cloud Linux, 2 vCPUs", linux, "linux-cloud.cfg", 2, found)
        one("GRUB, 64 bit", grub, "grub64.cfg")
        if host == "ringlet":  # on Xen, only what is compared and what `rl` does for it
            one("Debian's cloud Linux, 1 vCPU", linux, "linux-cloud.cfg", 1)
            one("Debian's Linux, 1 vCPU, asked to power off", linux, "linux.cfg", 1, None, True)
            one("Debian's Linux, 2 vCPUs", linux, "linux.cfg", 2)
            one("GRUB, 32 bit", grub, "grub32.cfg")
        one("GNU Mach finds nothing to start", mach)
        one("Dom0 ends the machine", power_off, host)


def dom0(tap, host, found):
    def knows(m):
        m.expect(LINUX_SHELL, 300)
        require(re.search(r"(?m)^ *\d+:.*xen-pirq", ask(m, "cat /proc/interrupts")), "no machine interrupt")
        require(ask(m, "ls /sys/bus/pci/devices").split(), "no PCI devices")
        linux_guest.looks_around(m, 2)
        found.update(linux_guest.facts(m))

    with machine(host, 1024, 2, LINUX_DOM0, "dom0") as m:
        if tap.step("%s: Linux as Dom0 knows what it is" % host, lambda: knows(m)):
            tap.step("%s: it works" % host, lambda: linux_guest.works(m, 2))
            tap.step("%s: power-off ends the machine" % host, lambda: power_off(m, "ringlet"))


def main():
    tap = Tap()
    run, stated = {"domains": (domains, STATED), "dom0": (dom0, STATED_DOM0)}[sys.argv[1]]
    ours, theirs = set(), set()
    run(tap, "ringlet", ours)
    run(tap, "xen", theirs)
    tap.step("Linux finds the same on both, except for what is stated", lambda: linux_guest.compare(ours, theirs, stated))
    tap.end()


main()
