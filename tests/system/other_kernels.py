#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kernels of another kind, made from the teaching kernel by changing its notes: the hypervisor refuses them as Dom0 with one
sentence, and `rl create` with the same. Packed ones that `rl` takes and the hypervisor does not: it names the packer. Xen 4.17
refuses and takes the same ones, except for the packed, which is tried by

    other_kernels.py xen        (needs `make guests`; some minutes)
"""

import gzip
import lzma
import os
import re
import struct
import subprocess
import sys

from machine import BUILD, Failure, Machine, Tap, require
from newc import archive

GUEST = os.path.join(BUILD, "guest")
FILES = os.path.join(BUILD, "tests", "other-kernels")
INITRD = os.path.join(GUEST, "initrd64.cpio")
BASE = 0xffffffff80000000
ENTRY, HYPERCALL_PAGE, VIRT_BASE, PADDR_OFFSET, XEN_VERSION, GUEST_OS, LOADER, PAE_MODE, FEATURES = 1, 2, 3, 4, 5, 6, 8, 9, 10
INIT_P2M, SUPPORTED_FEATURES, PHYS32_ENTRY = 15, 17, 18
PT_NOTE = 4


def note(kind, data):
    if isinstance(data, int):
        data = struct.pack("<Q", data)
    return struct.pack("<III", 4, len(data), kind) + b"Xen\0" + data + b"\0" * (-len(data) % 4)


class Kernel:
    """A kernel's file and its notes, which can be changed."""

    def __init__(self, kind):
        self.data = open(os.path.join(GUEST, "kernel-%s.elf" % kind), "rb").read()
        self.wide = self.data[4] == 2
        phoff, = struct.unpack_from("<Q" if self.wide else "<I", self.data, 32 if self.wide else 28)
        count, = struct.unpack_from("<H", self.data, 56 if self.wide else 44)
        heads = [phoff + i * (56 if self.wide else 32) for i in range(count)]
        self.head = next(h for h in heads if struct.unpack_from("<I", self.data, h)[0] == PT_NOTE)
        offset, size = self.part()
        self.notes, at = {}, offset
        while at < offset + size:
            name, length, kind = struct.unpack_from("<III", self.data, at)
            at += 12 + (name + 3) // 4 * 4
            self.notes[kind] = self.data[at:at + length]
            at += (length + 3) // 4 * 4

    def part(self):
        if self.wide:
            return struct.unpack_from("<Q", self.data, self.head + 8)[0], struct.unpack_from("<Q", self.data, self.head + 32)[0]
        return struct.unpack_from("<I", self.data, self.head + 4)[0], struct.unpack_from("<I", self.data, self.head + 16)[0]

    def made(self, notes):
        """The file with these notes, and without its table of sections, which may tell of others."""
        blob = b"".join(note(kind, data) for kind, data in notes.items())
        out = bytearray(self.data) + blob
        if self.wide:
            struct.pack_into("<Q", out, self.head + 8, len(self.data))
            struct.pack_into("<QQ", out, self.head + 32, len(blob), len(blob))
            struct.pack_into("<H", out, 60, 0)
        else:
            struct.pack_into("<I", out, self.head + 4, len(self.data))
            struct.pack_into("<II", out, self.head + 16, len(blob), len(blob))
            struct.pack_into("<H", out, 48, 0)
        return bytes(out)

    def but(self, **changes):
        """Its own notes with some changed; None leaves one out."""
        notes = dict(self.notes)
        for name, data in changes.items():
            kind = globals()[name]
            notes.pop(kind, None)
            if data is not None:
                notes[kind] = data
        return self.made(notes)


# Name, file, what is said of it (None: it starts), and whether rl refuses it, too: being no Dom0 is no fault of a domain's.
def variants():
    k, small = Kernel("pv64"), Kernel("pv32")
    end = BASE + (64 << 20)
    arm = bytearray(k.data)
    struct.pack_into("<H", arm, 18, 183)
    return [
        ("same", k.but(), None, False),
        ("linux", k.but(LOADER=None, GUEST_OS=b"linux\0"), None, False),
        ("also-pvh", k.but(PHYS32_ENTRY=0x100000), None, False),
        ("feature", k.but(FEATURES=b"!writable_page_tables|new\0"), None, False),
        ("pvh", k.made({PHYS32_ENTRY: 0x100000}), "it can only be started as a PVH guest", True),
        ("no-notes", k.made({}), "it has no Xen notes", True),
        ("loader", k.but(LOADER=b"special\0"), "its note LOADER does not say \"generic\"", True),
        ("no-loader", k.but(LOADER=None), "its note LOADER does not say \"generic\"", True),
        ("version", k.but(XEN_VERSION=b"xen-2.0\0"), "its note XEN_VERSION does not say \"xen-3.0\"", True),
        ("no-version", k.but(XEN_VERSION=None), "its note XEN_VERSION does not say", True),
        ("odd-feature", k.but(FEATURES=b"!no_such_feature\0"), "its note FEATURES requires a feature that no hypervisor has", True),
        ("not-dom0", k.but(SUPPORTED_FEATURES=1 << 31), "its note SUPPORTED_FEATURES that it cannot be Dom0", False),
        ("entry-0", k.but(ENTRY=0), "its entry lies outside its image", True),
        ("entry-far", k.but(ENTRY=end), "its entry lies outside its image", True),
        ("no-base", k.but(VIRT_BASE=None), "it has a note PADDR_OFFSET, but no VIRT_BASE", True),
        ("base-0", k.but(VIRT_BASE=0), "its entry lies outside its image", True),
        ("p2m", k.but(INIT_P2M=BASE + 0x1000), "its P2M would lie inside its image", True),
        ("stubs", k.but(HYPERCALL_PAGE=end), "its hypercall page lies outside its memory", True),
        ("arm", bytes(arm), "it is for another processor", True),
        ("no-pae", small.but(PAE_MODE=None), "it is a 32-bit kernel without PAE", True),
        ("pae-no", small.but(PAE_MODE=b"no\0"), "it is a 32-bit kernel without PAE", True),
    ]


def bzimage(packed, size=None):
    """A Linux image that carries `packed`, which its unpacked size follows; gzip has it already."""
    if size is not None:
        packed += struct.pack("<I", size)
    head = bytearray(1024)
    head[0x1f1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 0, len(packed))
    return bytes(head) + packed


def packed():
    """Kernels that rl unpacks, and what the hypervisor says of them as Dom0's."""
    plain = Kernel("pv64").data
    made = {"xz": lzma.compress(plain, check=lzma.CHECK_CRC32), "lzma": lzma.compress(plain, lzma.FORMAT_ALONE)}
    for name, command in (("lz4", ["lz4", "-l", "-c"]), ("zstd", ["zstd", "-q", "-c"])):
        made[name] = subprocess.run(command, input=plain, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    for name, data in made.items():
        sentence = "it is packed by %s; pack it by gzip, or unpack it: rl-unpack FILE > vmlinux" % name
        yield "packed-" + name, data, sentence, False
        yield "image-" + name, bzimage(data, len(plain)), sentence, False
    yield "image-gzip", bzimage(gzip.compress(plain)), None, False
    yield "image-cut", bzimage(gzip.compress(plain))[:-1], "its bzImage header is damaged", True
    yield "gzip-cut", gzip.compress(plain)[:-9] + struct.pack("<I", len(plain)), "the compressed data", True
    yield "lzo", b"\x89LZO\0\r\n\x1a\n" + bytes(600), "it is packed by lzo; pack it by gzip", True


def write_all(all_):
    os.makedirs(FILES, exist_ok=True)
    for name, data, *_ in all_:
        with open(os.path.join(FILES, name), "wb") as f:
            f.write(data)


def boot(hypervisor, name, options):
    args = ["-m", "128", "-cpu", "max", "-kernel", hypervisor, "-initrd", "%s ,%s" % (os.path.join(FILES, name), INITRD),
            "-append", "console=com1 com1=115200,8n1 dom0_mem=32M " + options]
    return Machine(args, os.path.join(FILES, name + ".log"), limit=120)


def as_dom0(name, sentence):
    with boot(os.path.join(BUILD, "ringlet.elf"), name, "noreboot") as m:
        if sentence is None:
            m.expect("initramfs: ")
            return
        m.expect("Dom0's kernel cannot be started: .*" + re.escape(sentence))
        try:
            m.expect("initramfs: ", 30)
        except Failure:
            require("registers" not in m.text and "PANIC" not in m.text, "more than a sentence: " + m.text)
            m.died = None  # it has stopped, as it should
            return
        raise Failure("it starts all the same")


def on_xen(name, sentence):
    with boot(os.path.join(BUILD, "guests", "xen-4.17"), name, "") as m:
        found = m.expect("initramfs: |Could not construct domain 0|Panic on CPU", 100)
        m.died = None
        require((found[0] == "initramfs: ") == (sentence is None), "Xen says: %r" % m.text[-600:])


def by_rl(all_, word):
    files = {"other": None}
    files.update(("other/" + name, data) for name, data, *_ in all_)
    path = os.path.join(FILES, "dom0.cpio")
    with open(path, "wb") as out:
        out.write(open(os.path.join(BUILD, "dom0%s.cpio" % {64: "", 32: "-32"}[word]), "rb").read() + archive(files))
    args = ["-m", "256", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd",
            "%s ,%s" % (os.path.join(GUEST, "kernel-pv%d.elf" % word), path), "-append", "console=com1 dom0_mem=160M noreboot"]
    with Machine(args, os.path.join(FILES, "rl%d.log" % word), limit=300) as m:
        m.expect(r"[#$] (\x1b\[6n)?$")
        for name, _, sentence, refused in all_:
            # One of no Dom0's is built, and paused before it can stumble over what is not there.
            said = m.run("rl create -q -p name=%s kernel=/other/%s memory=16 2>&1" % (name, name), code=1 if refused else 0)
            lines = said.strip().splitlines()
            require(len(lines) == (1 if refused else 0), "%s: not one line: %r" % (name, said))
            require(not refused or "/other/" + name in lines[0], "%s: %r" % (name, said))
            if refused and name not in ("stubs", "lzo"):
                require(sentence in said, "%s: %r" % (name, said))
            if not refused:
                m.run("rl destroy %s" % name)
        require(m.run("rl list | wc -l").strip() == "2", "something is left of them")


def main():
    tap, xen = Tap(), sys.argv[1:] == ["xen"]
    all_ = variants() + ([] if xen else list(packed()))
    write_all(all_)
    for name, _, sentence, _ in all_:
        tap.step("%s as Dom0%s: %s" % (name, " of Xen" if xen else "", "refused" if sentence else "starts"),
                 lambda n=name, s=sentence: on_xen(n, s) if xen else as_dom0(n, s))
    if not xen:
        tap.step("by rl", lambda: by_rl(all_, 64))
        tap.step("packed ones by the rl of a 32-bit Dom0", lambda: by_rl(list(packed()), 32))
    tap.end()


main()
