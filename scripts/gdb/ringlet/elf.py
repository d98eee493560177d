# SPDX-License-Identifier: MIT
"""As much of an ELF file as tells whether a guest runs it (its class, the end of its first read-only segment), and which label
an address follows: gdb takes assembly's local labels and macros' for functions."""

import bisect
import os
import struct

PT_LOAD, WRITABLE, PAGE = 1, 2, 4096
SHT_SYMTAB = 2
LINKERS = "image_"  # names that linker scripts give to what begins there
OBJECT, FUNCTION, NOT_NAMES = 1, 2, (3, 4)  # types of symbols: variables, C functions; sections and files


class Elf:
    """Raises OSError or ValueError."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        if data[:4] != b"\x7fELF" or len(data) < 64:
            raise ValueError("%s is no ELF file" % path)
        self.bits = 64 if data[4] == 2 else 32
        start, = struct.unpack_from("<Q" if self.bits == 64 else "<I", data, 32 if self.bits == 64 else 28)
        size, count = struct.unpack_from("<HH", data, 54 if self.bits == 64 else 42)
        for at in range(start, start + size * count, size):
            if self.bits == 64:
                kind, flags, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, at)
            else:
                kind, offset, address, _, length, _, flags = struct.unpack_from("<IIIIIII", data, at)
            if kind == PT_LOAD and not flags & WRITABLE:
                break
        else:
            raise ValueError("%s has no read-only segment, so it is no kernel" % path)
        self.address = address
        symbols = list(self.symbols(data))
        self.named = {name: at for at, name, _ in symbols}
        self.labels = sorted((at, name) for at, name, kind in symbols if kind != OBJECT and not name.startswith(LINKERS))
        self.functions = {name for _, name, kind in symbols if kind == FUNCTION}
        self.pages = []  # (address, contents) of the last two pages: constants. The first ones may be patched.
        for page in ((address + length - 1) // PAGE * PAGE - PAGE, (address + length - 1) // PAGE * PAGE):
            first, last = max(page, address), min(page + PAGE, address + length)
            if first < last:
                self.pages.append((first, data[offset + first - address:offset + last - address]))

    def symbols(self, data):
        """(address, name, type) of each variable, function and label of assembly that is not local."""
        if self.bits == 64:
            at, = struct.unpack_from("<Q", data, 40)
            header, entry = "<IIQQQQIIQQ", struct.Struct("<IBBHQQ")
        else:
            at, = struct.unpack_from("<I", data, 32)
            header, entry = "<IIIIIIIIII", struct.Struct("<IIIBBH")
        count, = struct.unpack_from("<H", data, 60 if self.bits == 64 else 48)
        size = struct.calcsize(header)
        sections = [struct.unpack_from(header, data, at + i * size) for i in range(count)]
        for section in sections:
            if section[1] != SHT_SYMTAB:
                continue
            strings = sections[section[6]][4]
            for fields in entry.iter_unpack(data[section[4]:section[4] + section[5]]):
                start, (info, address) = strings + fields[0], (fields[1], fields[4]) if self.bits == 64 else (fields[3], fields[1])
                name = data[start:data.index(b"\0", start)].decode("latin-1")
                if info & 15 not in NOT_NAMES and name and not set(name) & set(".@") and address >= self.address:
                    yield address, name, info & 15

    def label(self, address):
        """(name, offset) of the label that @address follows; ("", 0): none."""
        at = bisect.bisect_right(self.labels, (address, "\x7f")) - 1
        return (self.labels[at][1], address - self.labels[at][0]) if at >= 0 else ("", 0)

    def is_in(self, read):
        """Does memory, by @read(address, length), hold this kernel? None: it cannot be read."""
        seen = [(read(address, len(contents)), contents) for address, contents in self.pages]
        if any(memory is None for memory, _ in seen):
            return None
        return all(memory == contents for memory, contents in seen)


files = {}  # path: (time of change, Elf)


def elf(path):
    """The file as it is now; read once."""
    changed = os.path.getmtime(path)
    if path not in files or files[path][0] != changed:
        files[path] = (changed, Elf(path))
    return files[path][1]
