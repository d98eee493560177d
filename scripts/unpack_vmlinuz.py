#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""unpack_vmlinuz.py VMLINUZ ELF: the kernel that a Linux bzImage carries packed, as an ELF file.

The header says where the payload lies (Linux, Documentation/arch/x86/boot.rst: setup_sects at 0x1f1, "HdrS" at
0x202, payload_offset and payload_length at 0x248); the payload's first bytes say how it is packed. Behind it
stands its unpacked size, 4 bytes, except for gzip, which has that already.
"""
import struct
import subprocess
import sys

PACKERS = [
    (b"\x02\x21\x4c\x18", ["lz4", "-dc"]),
    (b"\xfd7zXZ", ["xz", "-dc"]),
    (b"\x1f\x8b", ["gzip", "-dc"]),
    (b"\x28\xb5\x2f\xfd", ["zstd", "-dc"]),
    (b"BZh", ["bzip2", "-dc"]),
    (b"\x5d\x00\x00", ["lzma", "-dc"]),
]


def payload(image):
    if image[0x202:0x206] != b"HdrS":
        sys.exit("not a Linux bzImage")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = ((image[0x1f1] or 4) + 1) * 512 + offset
    if start + length > len(image):
        sys.exit("the image ends before its payload")
    return image[start:start + length]


def unpack(packed):
    for magic, command in PACKERS:
        if not packed.startswith(magic):
            continue
        size = struct.unpack("<I", packed[-4:])[0]
        body = packed if command[0] == "gzip" else packed[:-4]
        kernel = subprocess.run(command, input=body, stdout=subprocess.PIPE, check=True).stdout
        if len(kernel) != size:
            sys.exit("unpacked %d bytes, not %d" % (len(kernel), size))
        return kernel
    sys.exit("unknown packing: starts with " + packed[:6].hex())


def main(source, target):
    kernel = unpack(payload(open(source, "rb").read()))
    if not kernel.startswith(b"\x7fELF"):
        sys.exit("the payload is not an ELF file")
    open(target, "wb").write(kernel)


main(*sys.argv[1:])
