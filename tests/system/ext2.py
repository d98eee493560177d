#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ext2 on virtio's disks: the machine's root is a partition that mke2fs has filled, a second disk is mounted, and tests/system/ext2/ext2.c
works on both; after power off e2fsck finds nothing wrong, and debugfs reads what was written. The first words of the log, when
there is no such root, too. The same in guests (domu64, domu32), to whom rl-blkd lends the disks; a root that is a whole disk, and
one that is lent as a partition.

    ext2.py KIND...     pv64, pv32, native64, native32, domu64, domu32; all six if none is named
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

from machine import BUILD, Machine, Tap, require
from main_job import Console

SHELL = r"[#$] (\x1b\[6n)?$"
MIB = 1 << 20
FIRST = 2048  # sector of the partition
DATA = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(300000))  # as ext2.c has it


def tool(*words, code=0):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    require(done.returncode == code, "%s: exit code %d\n%s%s" % (words, done.returncode, done.stdout.decode("utf-8", "replace"),
                                                              done.stderr.decode("utf-8", "replace")))
    return done.stdout


def unpack(archive, folder):
    """The files of an initramfs, except devices, as the start of a root file system."""
    with open(archive, "rb") as f:
        data = f.read()
    at = 0
    while data[at:at + 6] == b"070701":
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, length = field[1], field[6], field[11]
        name = data[at + 110:at + 110 + length].split(b"\0")[0].decode()  # mkcpio.py pads it
        start = at + (110 + length + 3) // 4 * 4
        at = start + (size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return
        path = os.path.join(folder, name.lstrip("/"))
        contents = data[start:start + size]
        if stat.S_ISDIR(mode):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode & 0o777 | 0o700)
        elif stat.S_ISLNK(mode):
            os.symlink(contents.decode(), path)
        elif stat.S_ISREG(mode):
            with open(path, "wb") as f:
                f.write(contents)
            os.chmod(path, mode & 0o7777)


def machine_options(kind, words):
    kernel = os.path.join(BUILD, "guest", "kernel-%s.elf" % kind)
    initrd = os.path.join(BUILD, "guest", "initrd%s.cpio" % kind[-2:])
    if kind.startswith("native"):
        return ["-m", "64", "-kernel", kernel, "-initrd", initrd, "-append", words]
    return ["-m", "192", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", "%s %s,%s" % (kernel, words, initrd),
            "-append", "console=com1 com1=115200,8n1 dom0_mem=64M noreboot"]


class Disks:
    def __init__(self, kind, folder):
        self.folder = folder
        root = os.path.join(folder, "root")
        os.mkdir(root)
        unpack(os.path.join(BUILD, "guest", "initrd%s.cpio" % kind[-2:]), root)
        shutil.copy(os.path.join(BUILD, "tests", "ext2-%s" % kind[-2:]), os.path.join(root, "bin", "try"))
        os.mkdir(os.path.join(root, "mnt"))
        tool("mke2fs", "-q", "-F", "-t", "ext2", "-b", "4096", "-d", root, self.path("root.ext2"), "40M")
        with open(self.path("a"), "wb") as f, open(self.path("root.ext2"), "rb") as part:
            table = bytes(446) + bytes([0, 0, 0, 0, 0x83, 0, 0, 0]) + FIRST.to_bytes(4, "little") + (40 * MIB // 512).to_bytes(4, "little")
            f.write(table.ljust(510, b"\0") + b"\x55\xaa")
            f.seek(FIRST * 512)
            shutil.copyfileobj(part, f)
        tool("mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", self.path("b"), "8M")
        # The host need not write anything to its own disk: that can take minutes.
        self.options = [word for name in "ab" for word in ("-drive", "file=%s,format=raw,if=virtio,cache=unsafe" % self.path(name))]

    def path(self, name):
        return os.path.join(self.folder, name)

    def check(self, in_use=True):
        """`in_use`: programs ran to the end."""
        with open(self.path("a"), "rb") as f, open(self.path("root.ext2"), "wb") as part:
            f.seek(FIRST * 512)
            shutil.copyfileobj(f, part)
        for name in ("root.ext2", "b"):
            image = self.path(name)
            # The file that was removed and is still open is the one thing to be mended: it was in use to the end.
            said = tool("e2fsck", "-p", image, code=int(in_use)).decode()
            require(said.count("orphaned inode") == in_use, said)
            tool("e2fsck", "-fn", image)
            require(tool("debugfs", "-R", "cat /kept/file", image) == DATA, "the file on %s is another one" % name)
            size = 4096 if name == "root.ext2" else 1024
            block = int(tool("debugfs", "-R", "bmap /kept/far %d" % ((5 << 30) // size), image))
            with open(image, "rb") as f:
                f.seek(block * size)
                require(f.read(size) == b"far".ljust(size, b"\0"), "the end of the sparse file is another one")
            require("Size: %d" % ((5 << 30) + 3) in tool("debugfs", "-R", "stat /kept/far", image).decode(), "the sparse file's size")
            said = tool("debugfs", "-R", "stat /kept/file", image).decode()
            require(re.search(r"mtime: 0xf4865700:1d6f3455 -- Fri Jan  1 00:00:00 2100", said), said)
            said = tool("debugfs", "-R", "stat /kept/" + "l" * 255, image).decode()
            require(re.search(r"Links: 2 .*\n?", said) and "Size: 100" in said, said)
            require('Fast link dest: "the target of a link"' in tool("debugfs", "-R", "stat /kept/fast", image).decode(), "the link")
            require(hashlib.md5(tool("debugfs", "-R", "cat /bin/busybox", image)).hexdigest() ==
                    hashlib.md5(open(self.path("root/bin/busybox"), "rb").read()).hexdigest(), "busybox is another one")


def mounts(m, disk="vd"):
    root, other = "/dev/%sa1" % disk, "/dev/%sb" % disk
    said = m.run("cat /proc/mounts; ls /bin/try; df /; cat /proc/filesystems")
    require(re.search(root + r" / ext2 rw 0 0\ndevtmpfs /dev devtmpfs rw 0 0$", said, re.M) and "rootfs" not in said, said)
    require(re.search("(?m)^" + root + r" +\d+ +\d+ +\d+ +\d+% /$", said, re.M) and re.search(r"^\text2$", said, re.M), said)
    m.run("mount %s /mnt" % other)
    require(re.search("(?m)^%s /mnt ext2 rw 0 0$" % other, m.run("cat /proc/mounts")), "it is not in /proc/mounts")
    require("busy" in m.run("cd /mnt; umount /mnt 2>&1; cd /", code=None), "it was unmounted under the shell")
    require("busy" in m.run("mkdir /two; mount %s /two 2>&1" % other, code=None).lower(), "it was mounted twice")
    require("nvalid" in m.run("mount -t ext2 /dev/%sa /two 2>&1" % disk, code=None), "a partition table is a file system")
    m.run("umount /mnt; mount -t ext2 -o ro %s /mnt" % other)
    require("Read-only" in m.run("touch /mnt/x 2>&1", code=None), "a read-only one was written")
    m.run("mount -o remount,rw /mnt; touch /mnt/x; mount -o remount,ro /mnt; ! touch /mnt/y; umount /mnt; mount %s /mnt; rm /mnt/x" % other)


def works(m, disk="vd"):
    m.run("mkdir /mnt/bin; cp /bin/busybox /mnt/bin/; umount /mnt; mount /dev/%sb /mnt; /mnt/bin/busybox cmp /bin/busybox /mnt/bin/busybox" %
          disk)
    for words in ("/mnt full", "/"):
        said = m.run("/bin/try %s; echo result $?" % words, 60)
        require(re.search(r"(?m)^result 0$", said), said)


def session(tap, kind):
    with tempfile.TemporaryDirectory(prefix="ringlet-ext2-") as folder:
        disks = Disks(kind, folder)
        options = ["-smp", "2"] + machine_options(kind, "root=/dev/vda1 rw") + disks.options
        with Machine(options, os.path.join(BUILD, "tests", "ext2-%s.log" % kind)) as m:
            def ends():
                m.send("poweroff -f\n")
                require(m.wait_end(60) == 0, "QEMU did not end with 0")
                disks.check()

            steps = [("the root is on a disk", lambda: m.expect(SHELL, 120)), ("mount and umount", lambda: mounts(m)),
                     ("files are as a program expects", lambda: works(m)), ("e2fsck and debugfs agree", ends)]
            for name, step in steps:
                if not tap.step("%s: %s" % (kind, name), step):
                    return


def guest_session(tap, kind):
    """The disks of `Disks` are lent to a guest."""
    bits = kind[-2:]
    with tempfile.TemporaryDirectory(prefix="ringlet-ext2-") as folder:
        disks = Disks("pv" + bits, folder)
        kernel, dom0 = (os.path.join(BUILD, *words) for words in (("guest", "kernel-pv64.elf"), ("dom0.cpio",)))
        options = ["-smp", "2", "-m", "320", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", "%s,%s" % (kernel, dom0),
                   "-append", "console=com1 com1=115200,8n1 dom0_mem=160M noreboot"] + disks.options
        with Machine(options, os.path.join(BUILD, "tests", "ext2-%s.log" % kind)) as m:
            def create(root, lent):
                m.run("rl create -q demo%s.cfg memory=64 \"extra=root=/dev/%s\" \"disk=%s\"" % (bits, root, lent), 120)

            def gone():
                m.run("while rl domid demo%s >/dev/null 2>&1; do usleep 50000; done" % bits, 60)

            def begins():
                m.expect(SHELL, 120)
                create("xvda1 rw", "['phy:/dev/vda,xvda,w', 'phy:/dev/vdb,xvdb,w']")

            def inside(function):
                with Console(m, "demo" + bits):
                    function(m, "xvd")

            def alone():
                """The partition as a disk: with the name of a partition, and with that of a disk."""
                for name in ("xvda1", "xvda"):
                    create(name, "['phy:/dev/vda1,%s,r']" % name)
                    with Console(m, "demo" + bits):
                        said = m.run("cat /proc/mounts; ! touch /x 2>&1")
                        require(re.search(r"(?m)^/dev/%s / ext2 ro 0 0$" % name, said) and "Read-only" in said, said)
                    m.run("rl destroy demo" + bits, 60)
                    gone()

            def ends():
                """Dom0 asks for it, and what the guest has only in its memory reaches the disk."""
                with Console(m, "demo" + bits):
                    m.run("echo kept > /late")
                m.run("rl shutdown -w demo%s" % bits, 120)
                gone()
                alone()
                m.send("poweroff\n")
                require(m.wait_end(60) == 0, "QEMU did not end with 0")
                disks.check(in_use=False)
                require(tool("debugfs", "-R", "cat /late", disks.path("root.ext2")) == b"kept\n", "what was written last is lost")

            steps = [("the root is on a disk", begins), ("mount and umount", lambda: inside(mounts)),
                     ("files are as a program expects", lambda: inside(works)), ("a root that is a whole disk; e2fsck and debugfs agree", ends)]
            for name, step in steps:
                if not tap.step("%s: %s" % (kind, name), step):
                    return


def no_root():
    """Said by a kernel that waits for no second."""
    with Machine(machine_options("native64", "root=/dev/vdq7 rootwait=0"), os.path.join(BUILD, "tests", "ext2-none.log")) as m:
        m.expect(r"root=/dev/vdq7: no such disk or partition has appeared in 0 seconds", 60)


def main():
    tap = Tap()
    for kind in sys.argv[1:] or ("pv64", "pv32", "native64", "native32", "domu64", "domu32"):
        (guest_session if kind.startswith("domu") else session)(tap, kind)
    tap.step("a root that does not come", no_root)
    tap.end()


if __name__ == "__main__":
    main()
