#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Power cuts under ext2 of the teaching kernel. A program (tests/system/powercuts/work.c) writes to a disk of QEMU's, which logs each
write and flush (blklogwrites), and marks in the same log what was acknowledged. Then the power is cut at many places of that log: what
was written before the last flush is there; of what came later each sector is there or not, in another order. Each time e2fsck mends
what it finds (exit status 0 or 1), and all that had been acknowledged is there, and whole.

    powercuts.py [CUTS [SEED]]     20 if not said; at the end the same without flushes, which must be found out
"""

import os
import random
import re
import struct
import subprocess
import sys
import tempfile

from disk import DISCARD, FLUSH, SECTOR, SHELL, log_entries
from machine import BUILD, Machine, Tap, require

FS, MARKS = 24 << 20, 64  # bytes of the file system; sectors of marks behind it
LOG, TABLE, REPLACED, HAVE, GOING, GONE = range(6)
ROUNDS = 260


def make_image(folder, path):
    inside = os.path.join(folder, "inside")
    os.mkdir(inside)
    os.mkdir(os.path.join(inside, "w"))
    with open(os.path.join(BUILD, "tests", "powercuts64"), "rb") as f, open(os.path.join(inside, "work"), "wb") as out:
        out.write(f.read())
    os.chmod(os.path.join(inside, "work"), 0o755)
    with open(path, "wb") as f:
        f.truncate(FS + MARKS * SECTOR)
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-b", "1024", "-d", inside, "-F", path, str(FS // 1024)], check=True)
    with open(path, "rb") as f:
        return f.read()


def record(folder, seed):
    """The image before, and QEMU's log of a session."""
    path, log = os.path.join(folder, "a"), os.path.join(folder, "log")
    image = make_image(folder, path)
    with open(log, "wb"):
        pass
    options = ["-cpu", "max", "-m", "96", "-kernel", os.path.join(BUILD, "guest", "kernel-native64.elf"),
               "-initrd", os.path.join(BUILD, "guest", "initrd64.cpio"),
               "-blockdev", "driver=blklogwrites,node-name=a,file.driver=file,file.filename=%s,log.driver=file,log.filename=%s" % (path, log),
               "-device", "virtio-blk-pci,drive=a"]
    with Machine(options, os.path.join(BUILD, "tests", "powercuts.log")) as m:
        m.expect(SHELL, 120)
        said = m.run("mkdir /m && mount -t ext2 /dev/vda /m && /m/work /m/w /dev/vda %d %d %d; echo result $?" % (FS // SECTOR, ROUNDS, seed), 300)
        require(re.search(r"(?m)^result 0$", said), said)
        m.send("umount /m; poweroff\n")
        require(m.wait_end(60) == 0, "QEMU did not end with 0")
    return image, log_entries(log)


def marks_in(entries):
    """For each entry that brought new marks: its index, and (kind, which, version, size) of each. A write is a page: eight sectors."""
    seen, found = 0, []
    for n, (first, _, _, data) in enumerate(entries):
        if first < FS // SECTOR:
            continue
        new = sorted(struct.unpack_from("<5I", data, at + 8) for at in range(0, len(data), SECTOR) if data[at:at + 8] == b"Ringlet!")
        new = [mark for mark in new if mark[0] > seen]
        if new:
            seen = new[-1][0]
            found.append((n, [mark[1:] for mark in new]))
    return found


class Disk:
    """The image as it surely is on the disk, up to some place of the log; places only grow."""

    def __init__(self, image, entries, flushes):
        self.bytes, self.entries, self.flushes = bytearray(image), entries, flushes
        self.to = 0

    def put(self, image, entry, keep):
        first, count, flags, data = entry
        if flags & DISCARD:
            data = bytes(count * SECTOR)
        for n in range(len(data) // SECTOR):
            if keep():
                image[(first + n) * SECTOR:(first + n + 1) * SECTOR] = data[n * SECTOR:(n + 1) * SECTOR]

    def cut(self, at, rng):
        """What the disk may have when the power fails behind `at` entries."""
        synced = self.to
        for n in range(self.to, at):
            if self.flushes and self.entries[n][2] & FLUSH:
                synced = n
        for entry in self.entries[self.to:synced]:
            self.put(self.bytes, entry, lambda: True)
        self.to = synced
        image, odds = bytearray(self.bytes), rng.choice((0.1, 0.5, 0.9))
        late = self.entries[synced:at]
        rng.shuffle(late)
        for entry in late:
            self.put(image, entry, lambda: rng.random() < odds)
        return image


def word(data, n):
    return struct.unpack_from("<Q", data, n * 8)[0]


def whole(name, data, number, least):
    """Each word says the same version, at least this one."""
    require(data is not None, "%s is not there" % name)
    version = word(data, 0) >> 24 & 0xffffffff if len(data) >= 8 else -1
    require(version >= least, "%s has version %d instead of %d" % (name, version, least))
    wanted = b"".join(struct.pack("<Q", number << 56 | version << 24 | i) for i in range(len(data) // 8))
    require(data == wanted, "%s is not whole" % name)


def check_files(folder, marks):
    def read(name):
        try:
            with open(os.path.join(folder, "w", name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    length, last, state = 0, {}, {}
    for kind, which, version, size in marks:
        if kind == LOG:
            length = size
        elif kind in (TABLE, REPLACED):
            last[kind, which] = version
        else:
            state[which] = (kind, version)
    if length:
        data = read("log")
        require(data is not None and len(data) >= length, "log has %s bytes instead of %d" % (data and len(data), length))
        require(data[:length] == bytes((n * 2654435761 & 0xffffffff) >> 24 for n in range(length)), "log has other bytes")
    for (kind, which), version in last.items():
        if kind == TABLE:
            data = read("table")
            # A page that was being written may be torn, but no word of it is older.
            words = [word(data, which * 512 + i) for i in range(512)] if data and len(data) >= (which + 1) * 4096 else [0]
            require(all(w >> 56 == 16 + which and (w >> 24 & 0xffffffff) >= version for w in words), "page %d of table is older than %d" % (which, version))
        else:
            whole("replaced%d" % which, read("replaced%d" % which), 32 + which, version)
    for which, (kind, version) in state.items():
        data = read("comes%d" % which)
        if kind == HAVE:
            whole("comes%d" % which, data, 48 + which, version)


def check(folder, image, marks):
    path, out = os.path.join(folder, "cut"), os.path.join(folder, "out")
    with open(path, "wb") as f:
        f.write(image[:FS])
    for options, fine in (("-fy", (0, 1)), ("-fn", (0,))):
        done = subprocess.run(["e2fsck", options, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        require(done.returncode in fine, "e2fsck %s: %d %s" % (options, done.returncode, done.stdout.decode("utf-8", "replace")[-1500:]))
    subprocess.run(["rm", "-rf", out], check=True)
    os.mkdir(out)
    subprocess.run(["debugfs", "-R", "rdump /w %s" % out, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    check_files(out, marks)


def choose(entries, marks, count, rng):
    """Behind a mark, whose flush is still to come; before any flush, where most can be lost; and anywhere."""
    places = [[n + 1 for n, _ in marks], [n for n, entry in enumerate(entries) if entry[2] & FLUSH], range(len(entries) + 1)]
    return sorted(rng.choice(rng.choice(places)) for _ in range(count))


def cuts(folder, image, entries, count, rng, flushes=True):
    """What was wrong, by cut."""
    disk, wrong, marks = Disk(image, entries, flushes), [], marks_in(entries)
    for at in choose(entries, marks, count, rng):
        try:
            check(folder, disk.cut(at, rng), [mark for n, new in marks if n < at for mark in new])
        except Exception as why:  # pylint: disable=broad-except
            wrong.append("behind %d of %d entries: %s" % (at, len(entries), why))
    return wrong


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    tap, rng = Tap(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="ringlet-cuts-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        kept = []

        def works():
            kept.extend(record(folder, seed))
            marks = len(marks_in(kept[1]))
            print("# %d entries in the log, %d flushes, %d marks" % (len(kept[1]), sum(e[2] & FLUSH for e in kept[1]), marks))
            require(marks > ROUNDS // 3, "%d marks" % marks)

        def are_survived():
            wrong = cuts(folder, *kept, count, rng)
            require(not wrong, "%d of %d cuts: %s" % (len(wrong), count, "\n".join(wrong[:5])))

        def lies_are_found():
            wrong = cuts(folder, *kept, 5, rng, flushes=False)
            require(len(wrong) > 2, "only %d of 5 cuts of a disk that ignores flushes lost something" % len(wrong))

        if tap.step("a program writes, and what it is told is marked", works):
            tap.step("%d power cuts: all that was acknowledged is there" % count, are_survived)
            tap.step("a disk that ignores flushes is found out", lies_are_found)
    tap.end()


if __name__ == "__main__":
    main()
