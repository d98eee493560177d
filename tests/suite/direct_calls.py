#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Objects, or static libraries of them, whose calls go straight to the function: direct_calls.py DIRECTORY FILE...

Debian's tcc links 32-bit static programs wrongly where an object calls through a procedure linkage table, as all of
musl's do: the table's entries are never filled. In a static program R_386_PLT32 and R_386_PC32 mean the same (System V
ABI for i386, "Relocation Types"), so this makes the second of the first.
"""
import os
import struct
import sys

R_386_PC32, R_386_PLT32, SHT_REL = 2, 4, 9


def mend_object(obj):
    """Changes the relocations of a 32-bit object in place."""
    if obj[:5] != b"\x7fELF\x01":
        return
    shoff, = struct.unpack_from("<I", obj, 32)
    shentsize, shnum = struct.unpack_from("<HH", obj, 46)
    for i in range(shnum):
        kind, offset, size = (struct.unpack_from("<I", obj, shoff + i * shentsize + at)[0] for at in (4, 16, 20))
        if kind != SHT_REL:
            continue
        for at in range(offset, offset + size, 8):
            if obj[at + 4] == R_386_PLT32:
                obj[at + 4] = R_386_PC32


def mend_library(data):
    at = 8  # behind "!<arch>\n"; then headers of 60 bytes, each with its member, at even positions
    while at < len(data):
        size = int(data[at + 48:at + 58])
        member = data[at + 60:at + 60 + size]
        mend_object(member)
        data[at + 60:at + 60 + size] = member
        at += 60 + size + size % 2


for path in sys.argv[2:]:
    contents = bytearray(open(path, "rb").read())
    (mend_library if contents.startswith(b"!<arch>\n") else mend_object)(contents)
    with open(os.path.join(sys.argv[1], os.path.basename(path)), "wb") as out:
        out.write(contents)
