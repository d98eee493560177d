#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/gdb/xl_core.py: gdb opens what it makes of a core as `xl dump-core` writes them, and sees each vCPU's registers and the
memory at its addresses; what is no such core is refused in one line. A real one: linux_dom0_xl.py short."""

import os
import re
import struct
import subprocess
import sys
import tempfile

from machine import TOP, Tap, require

TOOL = os.path.join(TOP, "scripts", "gdb", "xl_core.py")
PAGE = 4096
REGISTERS = "info registers rip rsp r15 rdi cs ss eflags fs_base gs_base"
CODE, STACK, SAME, USER = 0xffffffff80080000, 0xffffffff80081000, 0xffffffff80090000, 0x400000
PRESENT, XENS = 7, 999  # rights of an entry; a frame that is not the guest's
# Frames of the guest: tables of its kernel and of a process, and three pages.
ROOT, ROOT2, PAGES = 100, 200, (110, 111, 112)


def table(entries):
    return struct.pack("<512Q", *[entries.get(i, 0) for i in range(512)])


def tables(root, mapped):
    """{frame: contents}: a root and three tables below it, for addresses in the same 2 MiB."""
    any_va = next(iter(mapped))
    found = {root + n: table({any_va >> shift & 511: (root + n + 1) * PAGE | PRESENT}) for n, shift in enumerate((39, 30, 21))}
    found[root + 3] = table({va >> 12 & 511: frame * PAGE | PRESENT for va, frame in mapped.items()})
    return found


def context(rip, rsp, in_kernel, roots):
    c = bytearray(5168)
    struct.pack_into("<Q", c, 512, 4 if in_kernel else 0)
    struct.pack_into("<15Q", c, 520, *range(0x15, 0x15 + 15))
    struct.pack_into("<QH", c, 648, rip, 0xe033)
    struct.pack_into("<QQH", c, 664, 0x202, rsp, 0xe02b)
    struct.pack_into("<QxxxxxxxxQ", c, 4992, roots[1] * PAGE, roots[0] * PAGE)
    struct.pack_into("<3Q", c, 5144, 0xf5, 0x65, 0x65e5)
    return bytes(c)


def core(vcpus, frames, without=()):
    """As libxenctrl's xc_core.c writes it. The pages are in another order than the frames' numbers."""
    order = sorted(frames, key=lambda frame: frame * 7 % 11)
    parts = {".xen_prstatus": b"".join(vcpus), ".xen_p2m": b"".join(struct.pack("<QQ", i, f) for i, f in enumerate(order)),
             ".xen_pages": b"".join(frames[f] for f in order)}
    names = ["", ".shstrtab"] + [name for name in parts if name not in without]
    parts[".shstrtab"] = b"\0".join(n.encode() for n in names) + b"\0"
    at, heads, body = 64 + 64 * len(names), bytes(64), b""
    for name in names[1:]:
        where = parts[".shstrtab"].index(name.encode())
        heads += struct.pack("<IIQQQQIIQQ", where, 1, 0, 0, at + len(body), len(parts[name]), 0, 0, 0, 0)
        body += parts[name]
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, len(names), 1)
    return head + heads + body


def guest():
    """Two vCPUs: one in its kernel, which maps a page 300 times, one in a process, which has a page of its own."""
    mapped = {CODE: PAGES[0], STACK: PAGES[1], STACK + PAGE: XENS}
    mapped.update({SAME + i * PAGE: PAGES[1] for i in range(300)})
    frames = tables(ROOT, mapped)
    frames.update(tables(ROOT2, {USER: PAGES[2]}))
    frames[PAGES[0]], frames[PAGES[1]], frames[PAGES[2]] = b"\x90" * PAGE, b"\x55" * PAGE, b"user" * (PAGE // 4)
    vcpus = [context(CODE + 16, STACK + 256, True, (ROOT, 0)), context(USER + 4, USER + 512, False, (ROOT, ROOT2))]
    return vcpus, frames


class Cores:
    def __init__(self, folder):
        self.old, self.new = os.path.join(folder, "core"), os.path.join(folder, "new")

    def convert(self, data):
        with open(self.old, "wb") as f:
            f.write(data)
        return subprocess.run([sys.executable, TOOL, self.old, self.new], capture_output=True, text=True, check=False)

    def gdb(self, file, *commands):
        args = [arg for c in commands for arg in ("-ex", c)]
        done = subprocess.run(["gdb", "-nx", "-batch", "-ex", "core " + file] + args, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def opens(self):
        done = self.convert(core(*guest()))
        require(done.returncode == 0 and "2 vCPUs, 1212 KiB in 5 pieces" in done.stdout, done.stdout + done.stderr)
        require("not recognized" in self.gdb(self.old), "gdb opens what xl wrote: then all this is not needed")
        said = self.gdb(self.new, "thread 1", REGISTERS, "x/2i $rip", "x/gx $rsp", "thread 2", REGISTERS, "x/s $rip")
        for line in ("rip +0xffffffff80080010", "rsp +0xffffffff80081100", "r15 +0x15", "rdi +0x23", "cs +0xe033", "ss +0xe02b",
                     "eflags +0x202", "fs_base +0xf5", "gs_base +0x65 ", "nop", "0x5555555555555555",
                     "rip +0x400004", "rsp +0x400200", "gs_base +0x65e5", '"useruser'):
            require(re.search(line, said), "no %s in %s" % (line, said))

    def only_its_own(self):
        said = self.gdb(self.new, "x/gx %d" % (STACK + PAGE))
        require("Cannot access memory" in said, said)
        said = self.gdb(self.new, "x/gx %d" % (SAME + 299 * PAGE + 8), "x/gx %d" % (SAME + 300 * PAGE))
        require("0x5555555555555555" in said and "Cannot access memory" in said, said)

    def keeps_sections(self):
        with open(self.old, "rb") as f, open(self.new, "rb") as g:
            old, new = f.read(), g.read()
        require(new[64:len(old)] == old[64:] and new[40:48] == old[40:48] and new[58:64] == old[58:64], "the sections have changed")

    def refuses(self):
        vcpus, frames = guest()
        whole = core(vcpus, frames)
        for data, word in ((b"", "no ELF core"), (b"\x7fELF\x01" + whole[5:], "no ELF core"), (whole[:16] + b"\2" + whole[17:], "no ELF core"),
                           (whole[:-1], "full"), (whole[:300], "full"), (core(vcpus, frames, [".xen_p2m"]), "PV guest"),
                           (core([bytes(5168)], frames), "64-bit"), (core([], frames), "64-bit")):
            done = self.convert(data)
            require(done.returncode == 1 and word in done.stderr and done.stderr.count("\n") == 1, "%s: %s" % (word, done.stderr))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        cores = Cores(folder)
        tap.step("gdb opens it: registers and memory of two vCPUs", cores.opens)
        tap.step("what is not the guest's is not there", cores.only_its_own)
        tap.step("xl's sections stay", cores.keeps_sections)
        tap.step("what is no such core is refused in one line", cores.refuses)
    tap.end()


main()
