#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make a core that gdb opens of one that `xl dump-core` wrote of a 64-bit PV guest.

    xl_core.py CORE NEW

xl's file has sections alone, and gdb looks for program headers: what lies at which virtual address, and the registers. NEW is a
copy with these at its end; the sections stay. Addresses are those of the vCPUs' page tables. What two of them map
differently is the first one's.
"""

import shutil
import struct
import sys

PAGE = 4096
FRAME = 0x000ffffffffff000  # of a page-table entry
PRESENT = 1
# Of struct vcpu_guest_context (xen/arch-x86/xen.h): its bytes, and where its parts are.
CONTEXT, FLAGS, REGS, USER_ROOT, ROOT, BASES = 5168, 512, 520, 4992, 5008, 5144
IN_KERNEL = 1 << 2  # in its flags
# Of the ELF format.
SECTION, PROGRAM = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IIQQQQQQ")
CORE, NOTE, LOAD, READ, PRSTATUS, MANY = 4, 4, 1, 4, 1, 0xffff
COPIES = 256  # at most, of one page


class NoCore(Exception):
    pass


def read(f, at, size):
    f.seek(at)
    data = f.read(size)
    if len(data) != size:
        raise NoCore("it ends amid its contents: was the disk full?")
    return data


def sections(f):
    """{name: (offset, size)}"""
    head = f.read(64)
    if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01" or head[16] != CORE:
        raise NoCore("this is no ELF core of 64 bits; `xl dump-core DOMAIN FILE` writes one")
    at, count, names = struct.unpack_from("<Q", head, 40) + struct.unpack_from("<HH", head, 60)
    table = [SECTION.unpack(read(f, at + i * SECTION.size, SECTION.size)) for i in range(count)]
    text = read(f, *table[names][4:6]) if names < count else b""
    return {text[s[0]:].split(b"\0")[0].decode(): s[4:6] for s in table}


class Guest:
    def __init__(self, f):
        self.f, found = f, sections(f)
        missing = [name for name in (".xen_prstatus", ".xen_p2m", ".xen_pages") if name not in found]
        if missing:
            raise NoCore("it has no section %s: not of a PV guest, or not written by xl dump-core" % missing[0])
        self.pages = found[".xen_pages"][0]
        frames = [frame for _, frame in struct.iter_unpack("<QQ", read(f, *found[".xen_p2m"]))]
        self.index = {frame: i for i, frame in enumerate(frames)}
        contexts = read(f, *found[".xen_prstatus"])
        self.vcpus = [contexts[i:i + CONTEXT] for i in range(0, len(contexts), CONTEXT)]

    def mapped(self, table, level=4, va=0):
        """(virtual address, page of the file), ascending, of what the tables from this frame on map and is the guest's."""
        if table not in self.index:
            return
        entries = struct.unpack("<512Q", read(self.f, self.pages + self.index[table] * PAGE, PAGE))
        for i, entry in enumerate(entries):
            where = va | i << 3 + 9 * level
            if level == 4 and i >= 256:
                where |= 0xffff << 48
            frame = (entry & FRAME) // PAGE
            if entry & PRESENT and level > 1:
                yield from self.mapped(frame, level - 1, where)
            elif entry & PRESENT and frame in self.index:
                yield where, self.index[frame]

    def memory(self):
        """{virtual address: page of the file}"""
        found = {}
        for context in self.vcpus:
            for at in (ROOT, USER_ROOT):
                for va, page in self.mapped(struct.unpack_from("<Q", context, at)[0] // PAGE):
                    found.setdefault(va, page)
        return found


def runs(memory):
    """[virtual address, first page of the file, pages, step]: step is 1 page, or 0 where the same page is mapped again and again."""
    found = []
    for va, page in sorted(memory.items()):
        if found:
            start, first, count, step = found[-1]
            if start + count * PAGE == va and (page - first == count * step or (count == 1 and page == first)):
                found[-1][2:] = count + 1, page != first
                continue
        found.append([va, page, 1, 1])
    return found


def areas(memory, f, pages):
    """(virtual address, place in the file, bytes). At the file's end it gets copies of pages that are mapped again and again, as Linux
    does it for megabytes of its map of frames: there may be only so many areas."""
    for va, page, count, step in runs(memory):
        if step:
            yield va, pages + page * PAGE, count * PAGE
            continue
        f.seek(pages + page * PAGE)
        copies = f.read(PAGE) * min(count, COPIES)
        at = f.seek(0, 2)
        f.write(copies)
        for done in range(0, count * PAGE, len(copies)):
            yield va + done, at, min(len(copies), count * PAGE - done)


def status(number, context):
    """A note with a vCPU's registers, in Linux's struct elf_prstatus."""
    regs = list(struct.unpack_from("<15Q", context, REGS))
    rip, cs = struct.unpack_from("<QH", context, REGS + 128)
    flags, sp, ss = struct.unpack_from("<QQH", context, REGS + 144)
    es, ds, fs, gs = struct.unpack_from("<H6xH6xH6xH", context, REGS + 168)
    fs_base, gs_kernel, gs_user = struct.unpack_from("<3Q", context, BASES)
    gs_base = gs_kernel if struct.unpack_from("<Q", context, FLAGS)[0] & IN_KERNEL else gs_user
    regs += [2 ** 64 - 1, rip, cs, flags, sp, ss, fs_base, gs_base, ds, es, fs, gs]  # the first: no system call
    data = struct.pack("<32xI76x27Q8x", number + 1, *regs)
    return struct.pack("<III8s", 5, len(data), PRSTATUS, b"CORE") + data


def convert(old, new):
    with open(old, "rb") as f:
        guest = Guest(f)
        memory = guest.memory()
    if not memory:
        raise NoCore("its page tables are not those of a 64-bit guest")
    shutil.copyfile(old, new)
    with open(new, "r+b") as f:
        found = list(areas(memory, f, guest.pages))
        if len(found) >= MANY - 1:
            raise NoCore("its memory is in more than %d pieces" % MANY)
        notes = b"".join(status(i, context) for i, context in enumerate(guest.vcpus))
        at = f.seek(0, 2)
        f.write(notes)
        f.write(bytes(-f.tell() % 8))
        programs = f.tell()
        f.write(PROGRAM.pack(NOTE, READ, at, 0, 0, len(notes), len(notes), 4))
        for va, place, size in found:
            f.write(PROGRAM.pack(LOAD, READ, place, va, 0, size, size, PAGE))
        f.seek(32)
        f.write(struct.pack("<Q", programs))
        f.seek(54)
        f.write(struct.pack("<HH", PROGRAM.size, len(found) + 1))
    print("%s: %d vCPUs, %d KiB in %d pieces" % (new, len(guest.vcpus), len(memory) * PAGE // 1024, len(found)))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        convert(*sys.argv[1:])
    except (NoCore, OSError, struct.error) as e:
        sys.exit("xl_core: %s: %s" % (sys.argv[1], e))


main()
