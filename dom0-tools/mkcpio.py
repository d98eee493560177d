#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packs an initramfs (cpio, newc format) from lists; the same input always gives the same bytes.

    mkcpio.py [-D NAME=VALUE]... OUT LIST...

A list has one entry a line; words are separated by blanks, # begins a comment, $NAME is replaced:
    dir   PATH MODE
    file  PATH MODE SOURCE
    link  PATH TARGET
"""
import sys


PAGE = 4096
PATH_MAX = 4096
BIG = 4 * PAGE  # contents from this size on start at a page boundary: the kernel maps them in place


def entry(number, path, mode, data, links=1, position=0):
    name = path.lstrip("/").encode() + b"\0"
    zeros = -(position + 110 + len(name)) % PAGE
    # Zeros after the name are no part of it; but Linux leaves out what has a longer one than PATH_MAX, with them.
    if len(data) >= BIG and len(name) + zeros <= PATH_MAX:
        name += b"\0" * zeros
    head = "070701" + "".join("%08x" % v for v in (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0))
    out = head.encode() + name
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


def main(args):
    names = {}
    while args and args[0] == "-D":
        key, _, value = args[1].partition("=")
        names[key] = value
        args = args[2:]
    out, number = b"", 1
    for path in args[1:]:
        for line_number, line in enumerate(open(path), 1):
            for key, value in names.items():
                line = line.replace("$" + key, value)
            words = line.split("#")[0].split()
            if not words:
                continue
            try:
                if words[0] == "dir":
                    out += entry(number, words[1], 0o040000 | int(words[2], 8), b"", 2)
                elif words[0] == "file":
                    out += entry(number, words[1], 0o100000 | int(words[2], 8), open(words[3], "rb").read(),
                                 position=len(out))
                elif words[0] == "link":
                    out += entry(number, words[1], 0o120777, words[2].encode())
                else:
                    raise ValueError("needed: dir, file or link")
            except (IndexError, ValueError, OSError) as error:
                sys.exit(f"{path}:{line_number}: {error}")
            number += 1
    out += entry(0, "TRAILER!!!", 0, b"")
    open(args[0], "wb").write(out + b"\0" * (-len(out) % 512))


main(sys.argv[1:])
