# SPDX-License-Identifier: MIT
"""What md, LVM and the thin pool have written on a drive, read from its image on the host: whatever Dom0's programs print, this is there.

Layouts: md's superblock of versions 1.x, "RAID superblock formats" of the Linux RAID wiki and md(4); label, header and text of a physical
volume, pvs(8) and "LVM2 metadata" in the format library's layout.h; a thin pool's superblock, dm-thin-metadata.c.
"""

import json
import os
import re
import struct

from machine import Failure, require

SECTOR, PAGE = 512, 4096
MD_MAGIC, MD_BITMAP, MD_RECOVERING, MD_ROLES = 0xa92b4efc, 1, 2, 0xfffd  # roles from here on are no places in the mirror
LVM_TEXT, THIN_MAGIC = b" LVM2 x[5A%r0N*>", 27022010
TOKEN = re.compile(r'([\w.+-]+)\s*\{|(\})|([\w.+-]+)\s*=\s*(\[[^\]]*\]|"(?:[^"\\]|\\.)*"|[^\s#]+)|#.*')


def read(path, at, layout):
    size = struct.calcsize(layout)
    with open(path, "rb") as f:
        f.seek(at)
        return struct.unpack(layout, f.read(size).ljust(size, b"\0"))


class Half:
    """A drive as md sees it."""

    def __init__(self, path):
        self.path = path
        end = (os.path.getsize(path) // SECTOR - 16) // 8 * 8 * SECTOR  # versions 1.2, 1.1 and 1.0
        at = next((a for a in (PAGE, 0, end) if read(path, a, "<II") == (MD_MAGIC, 1)), None)
        require(at is not None, "%s has no superblock of md's (of version 1.0, 1.1 or 1.2)" % os.path.basename(path))
        self.features, self.set = read(path, at + 8, "<I4x16s")
        self.level, self.width = read(path, at + 72, "<i16xI")
        self.data = read(path, at + 128, "<Q")[0] * SECTOR
        self.number, = read(path, at + 160, "<I")
        most, = read(path, at + 220, "<I")
        self.roles = read(path, at + 256, "<%dH" % min(most, 384))

    def role(self):
        return self.roles[self.number] if self.number < len(self.roles) else None


def require_mirror(paths):
    """These two drives are all of one mirror, and none of them is still being filled."""
    halves = [Half(path) for path in paths]
    for half in halves:
        name = os.path.basename(half.path)
        require((half.level, half.width) == (1, 2), "%s: level %d of %d drives" % (name, half.level, half.width))
        require(not half.features & MD_RECOVERING, "%s has not everything yet" % name)
        require(sorted(r for r in half.roles if r < MD_ROLES) == [0, 1], "%s says that the mirror is not whole" % name)
    one, other = halves
    require(one.set == other.set and one.roles == other.roles and {one.role(), other.role()} == {0, 1},
            "%s are not the two halves of one mirror" % " and ".join(map(os.path.basename, paths)))


def require_bitmap(paths):
    for path in paths:
        require(Half(path).features & MD_BITMAP, "%s: no bitmap notes what differs" % os.path.basename(path))


def parse(text):
    """LVM's text: {name: value, or such a dictionary for a section}."""
    top = here = {}
    above = []
    for section, end, key, value in TOKEN.findall(text):
        if section:
            above.append(here)
            here = here.setdefault(section, {})
        elif end and above:
            here = above.pop()
        elif key:
            here[key] = json.loads(value)
    return top


class Group:
    """The volume group that lies on the mirror, as the drive has it at this moment."""

    def __init__(self, path, name):
        self.path, self.base = path, Half(path).data
        try:
            self.all = parse(self._text())[name]
            self.extent = self.all["extent_size"] * SECTOR
        except (KeyError, ValueError, StopIteration) as why:
            raise Failure("there is no volume group %s on the mirror (%r)" % (name, why))

    def _text(self):
        label = next(self.base + n * SECTOR for n in range(4) if read(self.path, self.base + n * SECTOR, "8s") == (b"LABELONE",))
        at = label + read(self.path, label + 20, "<I")[0] + 40
        while read(self.path, at, "<QQ") != (0, 0):  # areas of data, and then those of text
            at += 16
        area, = read(self.path, at + 16, "<Q")
        magic, start, size, offset, length = read(self.path, self.base + area + 4, "<16s4xQQQQ")
        if magic != LVM_TEXT:
            raise ValueError("no text")
        ring = read(self.path, self.base + start, "%ds" % min(size, 16 << 20))[0]
        text = (ring + ring[SECTOR:])[offset:offset + length]  # it goes on behind the header
        return text.rstrip(b"\0").decode("latin-1")

    def segment(self, volume):
        """The first segment of a volume, or nothing."""
        return self.all.get("logical_volumes", {}).get(volume, {}).get("segment1", {})

    def kib(self, volume):
        sections = self.all.get("logical_volumes", {}).get(volume, {})
        return sum(s["extent_count"] for name, s in sections.items() if re.fullmatch(r"segment\d+", name)) * self.extent >> 10

    def require_thin(self, volume, pool, origin=None):
        s = self.segment(volume)
        require((s.get("type"), s.get("thin_pool"), s.get("origin")) == ("thin", pool, origin),
                "%s should be a thin volume in %s%s; it is: %s" % (volume, pool, " from " + origin if origin else "", s))

    def require_size(self, volume, kib):
        require(self.kib(volume) == kib, "%s has %d KiB and should have %d" % (volume, self.kib(volume), kib))

    def pool(self, name):
        """(bytes that are taken in a thin pool, bytes of a chunk)"""
        table = self.segment(self.segment(name).get("metadata")).get("stripes")
        require(table, "there is no thin pool %s" % name)
        at = self.base + self.all["physical_volumes"][table[0]]["pe_start"] * SECTOR + table[1] * self.extent
        magic, taken, sectors = read(self.path, at + 32, "<Q32xQ256xI")
        require(magic == THIN_MAGIC, "the thin pool %s has no superblock" % name)
        return taken * sectors * SECTOR, sectors * SECTOR
