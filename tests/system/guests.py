#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that nobody here wrote, from Debian packages (make guests), under Ringlet or under Debian's Xen 4.17:

    guests.py ringlet|xen              as domains beside Dom0
    guests.py dom0-ringlet|dom0-xen    Debian's Linux as Dom0 itself

The same Dom0 (the teaching kernel with `rl`) starts the same images on both hypervisors, so what differs is the
hypervisor. Xen has no 32-bit PV any more: GRUB for i386 is started on Ringlet alone. Its processor is without
SMAP, since QEMU then faults in an iretq at CPL 3, which Linux does when it starts. And no storm of processes there
with several vCPUs: seen on Xen under QEMU, processes of such a guest then find their FS base 0 and end.
"""

import hashlib
import os
import re
import sys
import time

from machine import BUILD, Failure, Machine, Tap

DOM0_SHELL = r"[#$] (\x1b\[6n)?$"
LINUX_SHELL = r"linux# (\x1b\[6n)?$"
GUESTS = os.path.join(BUILD, "guests")
MODULES = os.path.join(BUILD, "guest", "kernel-pv64.elf") + "," + os.path.join(BUILD, "guests.cpio")
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=320M dom0_max_vcpus=1 loglvl=all guest_loglvl=all noreboot"
HOSTS = {
    "ringlet": ["-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf")],
    "xen": ["-cpu", "EPYC,-monitor,-smap", "-kernel", os.path.join(GUESTS, "xen-4.17")],
}
ZEROS = hashlib.sha256(bytes(24 << 20)).hexdigest()
# Processes with pipes, eight lines of them at a time; what comes out is known.
STORM = ("n=0; while [ $n -lt 8 ]; do (i=0; while [ $i -lt %d ]; do echo $i | cat; i=$((i + 1)); done > /tmp/s$n) & "
         "n=$((n + 1)); done; wait; cat /tmp/s? | sha256sum")


def storm_sum(rounds):
    return hashlib.sha256("".join("%d\n" % i for i in range(rounds)).encode() * 8).hexdigest()


# What a healthy kernel does not say.
TROUBLE = r"(?m)^.*(?:WARNING: CPU|BUG:|Oops|Call Trace|general protection|soft lockup|rcu.*stall).*$"


def require(condition, text):
    if not condition:
        raise Failure(text)


def boot_dom0(m):
    m.expect(DOM0_SHELL, 120)
    require("Domain-0" in m.run("rl list"), "no Domain-0 in rl list")


def create(m, what, ready, limit=180):
    """Start a guest with its console here; a note tells how long it took to be ready."""
    start = time.monotonic()
    m.send("rl create -c %s\n" % what)
    m.expect(r"leave it with", limit)
    built = time.monotonic()
    seen = m.expect(ready, limit)
    print("# %s: built in %.1f s, ready after %.1f s" % (what, built - start, time.monotonic() - start))
    return seen


def ended(m, how, limit=60):
    m.expect(r"domain \d+ has ended: " + how, limit)
    m.expect(DOM0_SHELL)
    listed = m.run("rl list").splitlines()[1:]
    require([row.split()[0] for row in listed if row.strip()] == ["Domain-0"], "domains are left: %s" % listed)


def ask(m, command, limit=60):
    """Run a command in a Linux guest, whose shell reads the next line only when it has shown its prompt."""
    output = m.run(command, limit)
    m.expect(LINUX_SHELL)
    return output


def linux_looks_around(m, vcpus):
    require(int(ask(m, "grep -c ^processor /proc/cpuinfo")) == vcpus, "not %d vCPUs" % vcpus)
    require(ask(m, "cat /sys/hypervisor/type").strip() == "xen", "/sys/hypervisor/type is not xen")
    version = ask(m, "cat /sys/hypervisor/version/major /sys/hypervisor/version/minor").split()
    require(version == ["4", "17"], "/sys/hypervisor/version: %s" % version)
    for name in ("capabilities", "features", "pagesize", "virtual_start"):
        require(ask(m, "cat /sys/hypervisor/properties/" + name).strip(), "properties/%s is empty" % name)
    require("-" in ask(m, "cat /sys/hypervisor/uuid"), "no uuid")
    log = ask(m, "dmesg")
    require(re.search("Booting .*kernel on Xen", log), "the kernel does not know Xen: " + log[:400])
    require(not re.search(TROUBLE, log), "in dmesg: %s" % re.findall(TROUBLE, log))


def linux_works(m, vcpus, storm=True):
    require("24+0 records out" in ask(m, "dd if=/dev/zero of=/tmp/zeros bs=1M count=24 2>&1"), "dd")
    require(ZEROS in ask(m, "sha256sum /tmp/zeros", 120), "the file of zeros has another sum")
    ask(m, "rm /tmp/zeros")
    # Each fork of several vCPUs is a round of interrupts between them, which take long on a busy build machine.
    rounds = 40 if vcpus == 1 else 6
    if storm:
        require(storm_sum(rounds) in ask(m, STORM % rounds, 300), "the storm of processes lost something")
    before = float(ask(m, "cut -d' ' -f1 /proc/uptime"))
    ask(m, "sleep 2")
    slept = float(ask(m, "cut -d' ' -f1 /proc/uptime")) - before
    require(slept >= 2, "sleep 2 took %.2f s" % slept)
    log = ask(m, "dmesg")
    require(not re.search(TROUBLE, log), "in dmesg: %s" % re.findall(TROUBLE, log))


def linux(m, what, vcpus, storm=True):
    create(m, "%s vcpus=%d" % (what, vcpus), LINUX_SHELL)
    linux_looks_around(m, vcpus)
    linux_works(m, vcpus, storm)
    if vcpus > 1:
        ask(m, "echo 0 > /sys/devices/system/cpu/cpu1/online")
        require(ask(m, "nproc").strip() == str(vcpus - 1), "cpu1 did not go")
        ask(m, "echo 1 > /sys/devices/system/cpu/cpu1/online")
        require(ask(m, "nproc").strip() == str(vcpus), "cpu1 did not come back")
    m.send("poweroff -f\n")
    ended(m, "poweroff")


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


def one(tap, m, name, function, *args):
    """A step; what a failed one leaves is cleared away for the next."""
    if not tap.step(name, lambda: function(m, *args)):
        m.send("\x1d\n")
        m.run("for d in linux-cloud linux grub64 grub32 mach; do rl destroy $d; done 2>/dev/null", code=None)


def power_off(m):
    m.send("poweroff -f\n")
    code = m.wait_end(60)
    require(code == 0, "QEMU's exit code is %d" % code)


def under(host):
    tap = Tap()
    with Machine(["-m", "1536", "-smp", "2"] + HOSTS[host] + ["-append", OPTIONS, "-initrd", MODULES],
                 os.path.join(BUILD, "tests", "guests-%s.log" % host), limit=1700) as m:
        if tap.step("Dom0 on %s reaches its shell" % host, lambda: boot_dom0(m)):
            one(tap, m, "Debian's cloud Linux, 1 vCPU", linux, "linux-cloud.cfg", 1)
            one(tap, m, "Debian's cloud Linux, 2 vCPUs", linux, "linux-cloud.cfg", 2, host == "ringlet")
            one(tap, m, "Debian's Linux, 1 vCPU", linux, "linux.cfg", 1)
            one(tap, m, "Debian's Linux, 2 vCPUs", linux, "linux.cfg", 2, host == "ringlet")
            one(tap, m, "GRUB, 64 bit", grub, "grub64.cfg")
            if host == "ringlet":
                one(tap, m, "GRUB, 32 bit", grub, "grub32.cfg")
            one(tap, m, "GNU Mach finds nothing to start", mach)
            if host == "ringlet":  # on Xen the Dom0 itself would have to know ACPI
                tap.step("power-off ends the machine", lambda: power_off(m))
    tap.end()


def dom0_looks_around(m):
    m.expect(LINUX_SHELL, 300)
    require(re.search(r"(?m)^ *\d+:.*xen-pirq", ask(m, "cat /proc/interrupts")), "no machine interrupt")
    require(ask(m, "ls /sys/bus/pci/devices").split(), "no PCI devices")
    linux_looks_around(m, 2)


def as_dom0(host):
    tap = Tap()
    modules = "%s console=hvc0,%s" % tuple(os.path.join(GUESTS, f) for f in ("vmlinux", "initrd-linux.cpio"))
    options = OPTIONS.replace("dom0_max_vcpus=1", "dom0_max_vcpus=2")
    with Machine(["-m", "1024", "-smp", "2"] + HOSTS[host] + ["-append", options, "-initrd", modules],
                 os.path.join(BUILD, "tests", "guests-dom0-%s.log" % host), limit=900) as m:
        if tap.step("Debian's Linux as Dom0 on %s knows what it is" % host, lambda: dom0_looks_around(m)):
            tap.step("it works", lambda: linux_works(m, 2))
            tap.step("power-off ends the machine", lambda: power_off(m))
    tap.end()


if sys.argv[1].startswith("dom0-"):
    as_dom0(sys.argv[1][5:])
else:
    under(sys.argv[1])
