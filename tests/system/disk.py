#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtio's disks, on each build of the kernel: partitions, what is read and written as the host sees it, flushes in the order that
programs ask for (in QEMU's log of writes), sectors that QEMU says are bad, a read-only disk, one that grows. Two of them have only
the modern interface, as has a folder that the host shares.
The program that asks for most of it is tests/system/disk/disk.c; it comes on the disk itself.

    disk.py KIND...     pv64, pv32, native64, native32; all four if none is named
"""

import hashlib
import os
import random
import re
import struct
import sys
import tempfile

from machine import BUILD, Machine, Tap, require
from monitor import Monitor

SHELL = r"[#$] (\x1b\[6n)?$"
SECTOR = 512
# In sectors, as disk.c has them
SIZE, SYNCED, DISCARDED, BAD_READ, BAD_WRITE = 65531, 40960, 49152, 300, 600
PARTS = {1: (63, 8000), 5: (16384 + 2048, 4096), 6: (24576 + 3, 4096)}
FLUSH, DISCARD = 1, 4
MODERN = ",disable-legacy=on"


def entry(kind, first, count):
    return struct.pack("<B3xB3xII", 0, kind, first, count)


def table(*entries):
    return bytes(446) + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


def put(image, sector, data):
    image[sector * SECTOR:sector * SECTOR + len(data)] = data


def first_image(program):
    """Noise, a partition table with an extended partition, and the program in the last logical one."""
    image = bytearray(random.Random(12).randbytes(SIZE * SECTOR))
    put(image, 0, table(entry(0x83, *PARTS[1]), entry(5, 16384, 24576)))
    put(image, 16384, table(entry(0x83, 2048, 4096), entry(5, 8192, 8192)))
    put(image, 24576, table(entry(0x83, 3, 4096)))
    put(image, PARTS[6][0], program)
    return image


def last_image(image):
    """What the session makes of it."""
    image = bytearray(image)
    copied = image[PARTS[5][0] * SECTOR:][:PARTS[5][1] * SECTOR]
    at = PARTS[1][0] * SECTOR + 7 * 3000
    image[at:at + len(copied)] = copied
    image[-100:] = b"E" * 100
    for i in range(5):
        put(image, SYNCED + 16 * i, bytes([ord("a") + i]) * SECTOR)
    put(image, DISCARDED, bytes(4 * 4096))
    put(image, PARTS[5][0] + 1, b"P" * SECTOR)
    return image


def log_entries(path):
    """(first sector, sectors, flags, data) of what reached the disk, as dm-log-writes has it."""
    with open(path, "rb") as f:
        magic, version, count, size = struct.unpack("<QQQI", f.read(28))
        require((magic, version, size) == (0x6a736677736872, 1, SECTOR), "no log: %x %d %d" % (magic, version, size))
        f.seek(SECTOR)
        entries = []
        for _ in range(count):
            first, sectors, flags, length = struct.unpack("<QQQQ", f.read(SECTOR)[:32])
            entries.append((first, sectors, flags, f.read(sectors * SECTOR) if length == 0 and not flags & DISCARD else b""))
        return entries


def check_log(path, image, last):
    entries = log_entries(path)
    image = bytearray(image)
    for first, _, _, data in entries:
        put(image, first, data)
    require(image == last, "the log leads to another image")
    at = []
    for i in range(5):
        wanted = bytes([ord("a") + i]) * SECTOR
        found = [n for n, (first, count, _, data) in enumerate(entries) if first <= SYNCED + 16 * i < first + count and
                 data[(SYNCED + 16 * i - first) * SECTOR:][:SECTOR] == wanted]
        require(found, "write %d is not in the log" % i)
        at.append(found[0])
    for i in range(5):
        between = entries[at[i] + 1:at[i + 1] if i < 4 else len(entries)]
        require(at == sorted(at) and any(e[2] & FLUSH for e in between), "write %d was not flushed before the next: %s" % (i, at))
    require(any(e[2] & DISCARD and e[:2] == (DISCARDED, 32) for e in entries), "no discard in the log")


def machine_options(kind):
    kernel = os.path.join(BUILD, "guest", "kernel-%s.elf" % kind)
    if kind.startswith("native"):
        return ["-m", "96", "-kernel", kernel, "-initrd", os.path.join(BUILD, "guest", "initrd%s.cpio" % kind[-2:])]
    initrd = os.path.join(BUILD, "dom0-32.cpio" if kind == "pv32" else "dom0.cpio")
    return ["-m", "256", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", "%s ,%s" % (kernel, initrd),
            "-append", "console=com1 com1=115200,8n1 dom0_mem=96M noreboot"]


class Disks:
    """The files of four disks, and QEMU's options for them."""

    def __init__(self, folder, program):
        self.folder = folder
        self.program = program
        self.image = first_image(program)
        self.write("a", self.image)
        self.write("log", b"")
        self.noise = random.Random(13).randbytes(1 << 20)
        self.write("b", self.noise)
        self.write("c", b"read-only".ljust(1 << 20, b"."))
        self.write("d", bytes(1 << 20))
        bad = "".join(",inject-error.%d.event=none,inject-error.%d.iotype=%s,inject-error.%d.sector=%d,inject-error.%d.errno=5" %
                      (n, n, what, n, sector, n) for n, (what, sector) in enumerate((("read", BAD_READ), ("write", BAD_WRITE))))
        nodes = ["driver=blklogwrites,node-name=a,discard=unmap,file.driver=file,file.filename=%s,log.driver=file,log.filename=%s" %
                 (self.path("a"), self.path("log")),
                 "driver=blkdebug,node-name=b,image.driver=file,image.filename=%s%s" % (self.path("b"), bad),
                 "driver=raw,node-name=c,read-only=on,file.driver=file,file.filename=%s" % self.path("c"),
                 "driver=raw,node-name=d,file.driver=file,file.filename=%s" % self.path("d")]
        self.options = [word for name, node in zip("abcd", nodes)
                        for word in ("-blockdev", node, "-device", "virtio-blk-pci,drive=%s%s" % (name, MODERN if name in "bd" else ""))]
        os.mkdir(self.path("share"))
        self.write("share/hello", b"from the host\n")
        self.options += ["-fsdev", "local,id=s,path=%s,security_model=none" % self.path("share"),
                         "-device", "virtio-9p-pci,fsdev=s,mount_tag=host" + MODERN]

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def check(self):
        last = last_image(self.image)
        require(self.read("a") == last, "vda is not what was written")
        check_log(self.path("log"), self.image, last)
        noise = bytearray(self.noise)
        at = BAD_WRITE // 8 * 4096 - 8192
        noise[at:at + 16384] = b"W" * 8192 + noise[at + 8192:at + 12288] + b"W" * 4096
        require(self.read("b") == noise, "bad sectors cost their neighbours, or were written")
        require(self.read("c") == b"read-only".ljust(1 << 20, b"."), "the read-only disk has been written")
        require(self.read("d") == bytes(1 << 20) + b"grown".ljust(1 << 20, b"\0"), "what was written to the disk that grew")


def sees(m, disks):
    lines = re.findall(r"(?m)^ *(\d+) +(\d+) +(\d+) (\w+)$", m.run("cat /proc/partitions"))
    wanted = [("254", "0", str(SIZE // 2), "vda")] + [("254", str(n), str(PARTS[n][1] // 2), "vda%d" % n) for n in PARTS]
    wanted += [("254", str(16 * n), "1024", "vd%c" % (ord("a") + n)) for n in (1, 2, 3)]
    require(lines == wanted, "%s is not %s" % (lines, wanted))
    require(hashlib.md5(disks.image).hexdigest() in m.run("md5sum /dev/vda"), "vda is read as another one")
    said = m.run("busybox fdisk -l /dev/vda; blockdev --getsize64 /dev/vda6")
    require(re.search(r"/dev/vda6 .* 24579 +28674 +4096 ", said) and str(4096 * SECTOR) in said, said)
    m.run("dd if=/dev/vda5 of=/dev/vda1 bs=3000 seek=7")
    # By another name, what was read before and has changed since.
    at = PARTS[1][0] + 8
    m.run("dd if=/dev/vda skip=%d count=8 of=/tmp/old && dd if=/tmp/old of=/dev/vda1 seek=8" % at)
    m.run("echo changed | dd of=/dev/vda1 seek=8 conv=notrunc && dd if=/dev/vda skip=%d count=1 | grep -q '^changed' && "
          "dd if=/tmp/old of=/dev/vda seek=%d && dd if=/dev/vda1 skip=8 count=8 | cmp - /tmp/old" % (at, at))
    require("from the host" in m.run("cat /host/hello"), "the folder of the host")
    m.run("head -c %d /dev/vda6 > /tmp/disk && chmod 755 /tmp/disk" % len(disks.program))


def grows(m, monitor):
    monitor.run("block_resize", **{"node-name": "d", "size": 2 << 20})
    m.run("until grep -q '2048 vdd' /proc/partitions; do :; done", 60)
    m.run("echo -n grown | dd of=/dev/vdd bs=512 seek=2048 && sync")
    require("vdd has 4096 sectors now" in m.run("dmesg"), "nothing is said of that")


def session(tap, kind):
    with open(os.path.join(BUILD, "tests", "disk%s" % kind[-2:]), "rb") as f:
        program = f.read()
    with tempfile.TemporaryDirectory(prefix="ringlet-disk-") as folder, Monitor() as monitor:
        disks = Disks(folder, program)
        options = ["-cpu", "max", "-smp", "2"] + machine_options(kind) + disks.options + monitor.args
        with Machine(options, os.path.join(BUILD, "tests", "disk-%s.log" % kind)) as m:
            def asks():
                said = m.run("/tmp/disk; echo result $?", 120)
                require(re.search(r"(?m)^result 0$", said), said)

            def ends():
                m.send("poweroff\n")
                require(m.wait_end(60) == 0, "QEMU did not end with 0")
                disks.check()

            steps = [("starts", lambda: m.expect(SHELL, 120)), ("disks and partitions", lambda: sees(m, disks)),
                     ("a program has what it expects", asks), ("a disk grows", lambda: grows(m, monitor)),
                     ("what is on the disks, and in which order it came", ends)]
            for name, step in steps:
                if not tap.step("%s: %s" % (kind, name), step):
                    return


def main():
    tap = Tap()
    for kind in sys.argv[1:] or ("pv64", "pv32", "native64", "native32"):
        session(tap, kind)
    tap.end()


if __name__ == "__main__":
    main()
