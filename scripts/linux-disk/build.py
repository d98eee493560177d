#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disk with Debian's Linux, from packages and without root's rights:

    build.py OUT DEBS NAME=VALUE...

The packages of packages.txt, downloaded into DEBS and unpacked into OUT/root, the files of disk.list (in which $NAME stands for
VALUE), as an ext4 file system with a journal in the one partition of OUT/disk.img. All files belong to root, whoever makes them.
"""
import os
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
# pylint: disable=wrong-import-position
import debian_tree
from tools import run

SECTOR = 512
START = 2048  # the partition's first sector: at 1 MiB, as sfdisk has it
SECTORS = 768 << 11
FOLDERS = ["proc", "sys", "dev", "run", "tmp", "root", "mnt", "etc/inittab.d"]
LINUX = 0x83  # the partition's type


def add_files(root, values):
    with open(os.path.join(HERE, "disk.list")) as f:
        for line in f:
            words = line.split("#")[0].split()
            if not words:
                continue
            path, mode, source = words
            for name, value in values.items():
                source = source.replace("$" + name, value)
            target = root + path
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target)
            os.chmod(target, int(mode, 8))
    for name in ("run", "lock"):  # as base-files' installer links them
        shutil.rmtree(os.path.join(root, "var", name), ignore_errors=True)
        os.symlink("/run" if name == "run" else "/run/lock", os.path.join(root, "var", name))
    for folder in FOLDERS:
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    with open(os.path.join(root, "boot/grub/grubenv"), "w") as f:
        f.write("# GRUB Environment Block\n".ljust(1024, "#"))


def file_system(root, image):
    """An ext4 file system of `root`'s files; debugfs gives them to root, as only root could."""
    run("mke2fs", "-qF", "-t", "ext4", "-L", "root", "-E", "root_owner=0:0", "-d", root, image, "%dk" % (SECTORS // 2),
        stdout=subprocess.DEVNULL)
    names = run("find", ".", "-mindepth", "1", "-printf", "%P\\n", cwd=root, stdout=subprocess.PIPE)
    orders = "".join("sif \"/%s\" %s 0\n" % (name, who) for name in names.stdout.splitlines() for who in ("uid", "gid"))
    run("debugfs", "-w", "-f", "-", image, input=orders, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run("e2fsck", "-fp", image, stdout=subprocess.DEVNULL)


def table():
    """A master boot record with one partition. An old BIOS's cylinders are not told (0xfeffff): nobody looks at them any more."""
    beyond = b"\xfe\xff\xff"
    entry = struct.pack("<B3sB3sII", 0x80, beyond, LINUX, beyond, START, SECTORS)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def main(out, debs, *pairs):
    out = os.path.abspath(out)
    root, image = os.path.join(out, "root"), os.path.join(out, "disk.img")
    count = debian_tree.make(debian_tree.words(os.path.join(HERE, "packages.txt")), out, os.path.abspath(debs))
    add_files(root, dict(pair.split("=", 1) for pair in pairs))
    part = os.path.join(out, "root.ext4")
    file_system(root, part)
    with open(image + ".part", "wb") as f:
        f.write(table())
        f.truncate((START + SECTORS) * SECTOR)
    run("dd", "if=" + part, "of=" + image + ".part", "bs=1M", "seek=%d" % (START * SECTOR >> 20), "conv=sparse,notrunc", "status=none")
    os.remove(part)
    os.replace(image + ".part", image)
    print("  GUEST    %s: %d packages, %d MiB of %d" % (image, count, os.stat(image).st_blocks >> 11, os.path.getsize(image) >> 20))


if len(sys.argv) < 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
