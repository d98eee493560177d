#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Linux as Dom0 drives real devices.

    dom0_devices.py messages    virtio, NVMe, e1000e by MSI-X, AHCI by an MSI without mask
    dom0_devices.py pins        the same but NVMe by level lines, on a board where those lie above the ISA's sixteen. QEMU 7.2's
                                NVMe at times leaves its pin raised with an empty queue: Linux then gives the line up

Each disk is read whole, written to, and read again, by several readers at a time; what is read is what the file has, and what
was written is in the file afterwards. Each network card reaches its gateway. Each device had interrupts,
and none came in another way.
"""

import hashlib
import os
import re
import sys

import hosts
from linux_guest import SHELL, ask, healthy
from machine import BUILD, Machine, Tap, require

GUESTS = os.path.join(BUILD, "guests")
PINS = sys.argv[1:] == ["pins"]
DOM0 = [os.path.join(GUESTS, "vmlinux") + " console=hvc0" + " pci=nomsi" * PINS, os.path.join(GUESTS, "initrd-devices.cpio")]
MIB = 1 << 20
SIZE = 16 * MIB
# The disk's name in Linux, its device for QEMU, what its line in /proc/interrupts has where messages are used.
DISKS = [("vda", ["-device", "virtio-blk-pci,drive=vda"], r"-msi-x +virtio\d+-req"),
         ("nvme0n1", ["-device", "nvme,serial=test,drive=nvme0n1"], r"-msi-x +nvme0q[12]"),
         ("sda", ["-device", "ich9-ahci,id=ahci", "-device", "ide-hd,bus=ahci.0,drive=sda"], r"-msi +ahci")]
DISKS = [d for d in DISKS if not (PINS and d[0] == "nvme0n1")]
LOADED_AGAIN = ["e1000e", "ahci" if PINS else "nvme"]
NETS = [("virtio_net", "virtio-net-pci", r"-msi-x +virtio\d+-(?:input|output)"), ("e1000e", "e1000e", r"-msi-x +eth\d+-[rt]x")]

BY_PIN = {"vda": "virtio", "nvme0n1": "nvme0q", "sda": "ahci", "virtio_net": "virtio", "e1000e": "eth"}


def image(name):
    return os.path.join(BUILD, "tests", "dom0-devices-%s-%s.img" % ("pins" if PINS else "messages", name))


def contents(name):
    with open(image(name), "rb") as f:
        return f.read()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def make_images():
    """Another content for each disk, and the same each time."""
    for name, _, _ in DISKS:
        with open(image(name), "wb") as f:
            block = hashlib.sha512(name.encode()).digest()
            for n in range(SIZE // 4096):
                f.write(hashlib.sha512(block + n.to_bytes(4, "little")).digest() * 64)


def arguments():
    args = hosts.arguments("ringlet", 1024, "dom0_mem=400M dom0_max_vcpus=2", DOM0) + ["-M", "q35"] * PINS
    for name, device, _ in DISKS:
        args += ["-drive", "if=none,id=%s,format=raw,file=%s" % (name, image(name))] + device
    for n, (_, device, _) in enumerate(NETS):
        args += ["-netdev", "user,id=net%d" % n, "-device", "%s,netdev=net%d" % (device, n)]
    return args


def boots(m):
    m.expect(SHELL, 300)
    ask(m, "for f in $(cat /modules/order); do f=${f##*/}; [ -e /sys/module/${f%.ko} ] || exit 1; done", 120)
    for name, _, _ in DISKS:
        ask(m, "n=0; while [ ! -b /dev/%s ]; do sleep 1; n=$((n + 1)); [ $n -lt 60 ] || exit 1; done" % name, 120)


def reads(m, name):
    require(digest(contents(name)) in ask(m, "sha256sum /dev/%s" % name, 120), "another sum of the whole")
    quarters = "; ".join("dd if=/dev/%s bs=1M skip=%d count=4 iflag=direct 2>/dev/null | sha256sum >/tmp/q%d &" % (name, 4 * q, q)
                         for q in range(4)).replace("&;", "&")
    got = ask(m, quarters + " wait; cat /tmp/q?", 120)
    data = contents(name)
    require(re.findall(r"[0-9a-f]{64}", got) == [digest(data[4 * q * MIB:4 * (q + 1) * MIB]) for q in range(4)],
            "read by four at a time, the quarters have other sums")


def writes(m, name):
    ask(m, "dd if=/dev/%s of=/tmp/piece bs=1M count=3 2>/dev/null; dd if=/tmp/piece of=/dev/%s bs=1M seek=9 conv=fsync 2>/dev/null"
        % (name, name), 120)
    data = contents(name)
    require(data[9 * MIB:12 * MIB] == data[:3 * MIB], "what was written is not in the file")
    require(digest(data) in ask(m, "echo 3 >/proc/sys/vm/drop_caches; sha256sum /dev/%s" % name, 120), "another sum afterwards")


def has_interrupts(seen, what, line):
    if PINS:
        line = "-ioapic-level .*" + BY_PIN[what]
    lines = re.findall(r"(?m)^ *(\d+): +(\d+) +(\d+) +xen-pirq +%s" % line, seen)
    require(not PINS or all(int(gsi) >= 16 for gsi, _, _ in lines), "a line of the ISA's in\n" + seen)
    require(sum(int(a) + int(b) for _, a, b in lines) > 0, "%s: no such interrupts in\n%s" % (what, seen))


def reaches(m, driver, line):
    card = ask(m, "for i in /sys/class/net/*; do case $(readlink $i/device/driver) in */%s) echo ${i##*/};; esac; done"
               % driver).split()
    require(len(card) == 1, "no card of %s: %s" % (driver, card))
    said = ask(m, "ifconfig %s 10.0.2.15 netmask 255.255.255.0 up && n=0 && until ping -c 1 -W 2 10.0.2.2 >/dev/null; do "
               "n=$((n + 1)); [ $n -lt 30 ] || break; done; ping -c 3 -s 1400 10.0.2.2" % card[0], 200)
    require(" 0% packet loss" in said, said)
    has_interrupts(ask(m, "cat /proc/interrupts"), driver, line)
    ask(m, "ifconfig %s down" % card[0])  # the next one has the same address


def interrupts(m):
    seen = ask(m, "cat /proc/interrupts")
    for name, _, line in DISKS:
        has_interrupts(seen, name, line)
    if PINS:
        require(not re.search(r"-msi", seen), "messages in\n" + seen)
    else:
        require(not re.search(r"ioapic-\w+ .*(?:virtio|nvme|ahci|eth)", seen), "one uses its pin in\n" + seen)


def loads_again(m):
    """What a driver gives back serves the next one: numbers and vectors."""
    disk = "sda" if PINS else "nvme0n1"
    ask(m, "n=0; while [ $n -lt 5 ]; do for d in %s; do rmmod $d && insmod /modules/$d.ko || exit 1; done; "
        "n=$((n + 1)); done" % " ".join(LOADED_AGAIN), 200)
    ask(m, "n=0; while [ ! -b /dev/%s ]; do sleep 1; n=$((n + 1)); [ $n -lt 60 ] || exit 1; done" % disk, 120)
    reads(m, disk)


def ends(m):
    log = healthy(m)
    require("xen map irq failed" not in log, "Linux could not map an interrupt")
    m.send("poweroff -f\n")
    require(m.wait_end(60) == 0, "QEMU's exit code")


def main():
    tap = Tap()
    os.makedirs(os.path.join(BUILD, "tests"), exist_ok=True)
    make_images()
    with Machine(arguments(), os.path.join(BUILD, "tests", "dom0-devices%s.log" % ("-pins" * PINS)), limit=1200) as m:
        if not tap.step("Linux as Dom0 loads its drivers", lambda: boots(m)):
            sys.exit(1)
        for name, _, _ in DISKS:
            tap.step("%s is read, by four at a time too" % name, lambda: reads(m, name))
            tap.step("%s is written" % name, lambda: writes(m, name))
        for driver, _, line in NETS:
            tap.step("%s reaches its gateway" % driver, lambda: reaches(m, driver, line))
        tap.step("all in this way", lambda: interrupts(m))
        tap.step("drivers are unloaded and loaded again", lambda: loads_again(m))
        tap.step("it is healthy, and ends", lambda: ends(m))
    tap.end()


main()
