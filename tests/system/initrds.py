#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What may stand in an initrd: archives one behind the other with zeros between them, each packed by gzip or not; later
files win. What is cut off, damaged or packed by something else is named, and what came before it is there.

    initrds.py [KIND]
"""

import gzip
import lzma
import os
import re
import subprocess
import sys

from machine import BUILD, TOP, Machine, Tap, require
from newc import archive

KIND = sys.argv[1] if len(sys.argv) > 1 else "native64"
KERNEL = os.path.join(BUILD, "guest", "kernel-%s.elf" % KIND)
SOURCE = open(os.path.join(BUILD, "guest", "initrd%s.cpio" % KIND[-2:]), "rb").read()
FILES = os.path.join(BUILD, "tests", "initrds-" + KIND)
FIRST = archive({"early": None, "early/code": b"first\n", "greeting": b"hello\n", "same": None, "same/a": b"1\n"})
LAST = archive({"greeting": b"good evening\n", "same": None, "same/b": b"2\n", "early/code": None, "greeting/below": b"no\n"})
SHELL = r"[#$] (\x1b\[6n)?$"


def boot(name, contents):
    path = os.path.join(FILES, name + ".cpio")
    with open(path, "wb") as f:
        f.write(contents)
    args = ["-m", "40", "-cpu", "max", "-kernel", KERNEL, "-initrd", path]
    return Machine(args, os.path.join(FILES, name + ".log"), limit=120)


def starts(name, contents, *commands):
    """The shell comes up; each of `commands` is a line to type and what it must say."""
    with boot(name, contents) as m:
        m.expect(SHELL)
        for line, answer in commands:
            got = m.run(line)
            require(got == answer, "%s: %r, not %r" % (line, got, answer))


def says(name, contents, sentence):
    with boot(name, contents) as m:
        m.expect(r"initramfs: error: " + sentence)
        m.expect(r"no program to start")


def good():
    starts("two", FIRST + SOURCE, ("cat /early/code", "first\n"))
    starts("zeros", b"\0" * 512 + FIRST + b"\0" * 1024 + SOURCE + b"\0" * 4096, ("cat /greeting", "hello\n"))
    starts("later", FIRST + SOURCE + LAST, ("cat /greeting", "good evening\n"), ("cat /same/a /same/b", "1\n2\n"),
           ("ls /early/code", ""))
    # A file below a file cannot be: it is told, and the rest is there.
    with boot("below", FIRST + LAST + SOURCE) as m:
        m.expect("initramfs: cannot make greeting/below")
        m.expect(SHELL)


def packed():
    starts("gzip", gzip.compress(SOURCE, 1), ("cd /; test -x bin/busybox", ""))
    starts("early", FIRST + gzip.compress(SOURCE + LAST, 1), ("cat /same/a /greeting", "1\ngood evening\n"))
    # gzip files with others behind them: at once, after zeros, plain and packed.
    starts("gzips", gzip.compress(FIRST) + gzip.compress(b"\0" * 512 + SOURCE, 1) + b"\0" * 700 + LAST,
           ("cat /same/a /same/b /greeting", "1\n2\ngood evening\n"))


def cut_off():
    says("half", SOURCE[:len(SOURCE) // 2], r"it is cut off or damaged at byte \d+ of %d" % (len(SOURCE) // 2))
    says("junk", FIRST + b"junk" * 100, r"it is cut off or damaged at byte %d of " % len(FIRST))
    small = gzip.compress(FIRST)
    says("gzip-half", small[:len(small) // 2] + b"\1\0\0\0", "gzip: it is cut off or damaged")
    says("gzip-sum", small[:-8] + b"\0" * 4 + small[-4:], "gzip: the compressed data fails its checksum")
    says("gzip-gzip", gzip.compress(small), "unpack it, or use gzip: it is packed by gzip at byte 0 ")
    says("gzip-first", small + SOURCE[:len(SOURCE) // 2], "it is cut off or damaged at byte")
    says("gzip-large", gzip.compress(FIRST)[:-4] + b"\0\0\0\x7f", "gzip: there is no room")


def others():
    for name, magic in (("zstd", b"\x28\xb5\x2f\xfd"), ("lz4", b"\x02\x21\x4c\x18"), ("bzip2", b"BZh91AY")):
        says(name, FIRST + magic + b"x" * 64, "unpack it, or use gzip: it is packed by %s at byte %d " % (name, len(FIRST)))
    says("xz", lzma.compress(FIRST), "unpack it, or use gzip: it is packed by xz at byte 0 ")
    says("lzma", lzma.compress(FIRST, lzma.FORMAT_ALONE), "unpack it, or use gzip: it is packed by lzma ")


def ours():
    """mkcpio.py puts zeros behind names, so that large files begin with a page, wherever they come. Linux leaves out a file whose name has more than
    4,096 bytes with them."""
    lines = []
    for i in range(80):
        for name, size in ((str(i), 52 * i), ("x" * 200 + str(i), 16384)):
            path = os.path.join(FILES, "file%d" % size)
            with open(path, "wb") as f:
                f.write(b"x" * size)
            lines.append("file /%s 644 %s\n" % (name, path))
    with open(os.path.join(FILES, "list"), "w") as f:
        f.writelines(lines)
    out = os.path.join(FILES, "ours.cpio")
    subprocess.run([sys.executable, os.path.join(TOP, "dom0-tools", "mkcpio.py"), out, f.name], check=True)
    with open(out, "rb") as f:
        names = re.findall(rb"070701.{88}(.{8}).{8}(\d+|x+\d+)\0", f.read())
    require(len(names) == len(lines), "%d files of %d are there" % (len(names), len(lines)))
    require(max(int(length, 16) for length, name in names) <= 4096, "too long a name: %s" % names)


def main():
    tap = Tap()
    os.makedirs(FILES, exist_ok=True)
    tap.step("several archives with zeros between them, later files win", good)
    tap.step("some packed by gzip", packed)
    tap.step("what is cut off is told", cut_off)
    tap.step("other packers are named", others)
    tap.step("what is packed here has names that Linux takes", ours)
    tap.end()


main()
