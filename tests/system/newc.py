# SPDX-License-Identifier: MIT
"""A cpio archive in newc form, made of entries in memory."""


def entry(name, mode, data=b""):
    n = name.encode() + b"\0"
    head = "070701" + "".join("%08x" % v for v in (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(n), 0))
    out = head.encode() + n
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


def archive(files):
    """`files`: name to contents; None is a directory. Padded as cpio does."""
    out = b"".join(entry(name, 0o40755) if data is None else entry(name, 0o100644, data) for name, data in files.items())
    out += entry("TRAILER!!!", 0)
    return out + b"\0" * (-len(out) % 512)
