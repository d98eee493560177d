# SPDX-License-Identifier: MIT
"""Symbols of guests' kernels. Two kernels are linked at the same addresses in either half of the address space (pv64 and
native64, pv32 and native32), so at each stop those of the guest that runs are loaded in place of the other's, if the file
is what the guest's memory holds."""

import os

import gdb

from ringlet import model
from ringlet.elf import elf
from ringlet.target import HYPERVISOR_ELF, IMAGE, IMAGE_END, hypervisor_is_there, objfile, paging, privilege, read_virtual, register, variable_in

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FOLDER = os.path.join(TOP, "build", "guest")
KERNEL_OF = {"pv64": "pv64", "pv32": "pv32", "fv": "native32", "native64": "native64", "native32": "native32"}
LMA = 1 << 10  # EFER

loaded = {64: None, 32: None}  # bits: path whose symbols are loaded
also = []                      # paths that the user has named


def candidates(kind):
    ours = [os.path.join(FOLDER, "kernel-%s%s.debug.elf" % (KERNEL_OF[kind], form)) for form in ("", ".checked")]
    return also + [path for path in ours if os.path.exists(path)]


def unload(bits):
    if loaded[bits]:
        gdb.execute("remove-symbol-file -a %d" % elf(loaded[bits]).address, to_string=True)
        loaded[bits] = None


def load(path):
    """Take the place of what is loaded in this half of the address space."""
    bits = elf(path).bits
    if loaded[bits] != path:
        unload(bits)
        gdb.execute("add-symbol-file %s" % path, to_string=True)
        loaded[bits] = path


def bare_kind():
    return "native64" if register("efer") & LMA else "native32"


def running():
    """(kind, how to read its kernel's memory) of the guest on the selected processor, or (None, None)."""
    if hypervisor_is_there():
        v = model.current()
        if v is None:
            return None, None
        return model.kind_of(v), lambda address, length: model.read_guest(v, address, length)
    return (bare_kind(), read_virtual) if paging() and (privilege() or register("rip") >= 0xc0000000) else (None, None)


def choose():
    """Load the symbols of the kernel that runs; drop those that lie where it lies and are not its. What cannot be read
    (an application's page tables show no kernel; fv shows what was used) is believed."""
    kind, read = running()
    if kind is None:
        return
    bits = 64 if kind.endswith("64") else 32
    found = [(path, elf(path).is_in(read)) for path in candidates(kind) if elf(path).bits == bits]
    right = [path for path, is_in in found if is_in] or [path for path, is_in in found if is_in is None]
    if right and loaded[bits] not in right:
        load(right[0])
    elif not right:
        unload(bits)


def file_of(pc):
    """The file with the symbols of the hypervisor, or of the loaded kernel of that half; None: none."""
    if IMAGE <= pc < IMAGE_END:
        o = objfile(HYPERVISOR_ELF)
        return elf(o.filename) if o else None
    path = loaded[64 if pc >> 32 else 32]
    return elf(path) if path else None


def label(pc):
    """(name, offset); ("", 0): no symbols."""
    found = file_of(pc)
    return found.label(pc) if found else ("", 0)


def in_c(pc):
    """Does @pc lie in a C function, of which gdb knows everything?"""
    found = file_of(pc)
    return found is not None and found.label(pc)[0] in found.functions


def kernel_variable(bits, name):
    """A variable of the loaded kernel; None: no symbols, or it has none of this name."""
    o = objfile(loaded[bits]) if loaded[bits] else None
    return variable_in(o, name) if o else None


def follow(v, address, offset):
    """The pointer at @offset of the structure at guest address @address; 0: none."""
    width = 8 if loaded_bits(v) == 64 else 4
    data = model.read_guest(v, address + offset, width) if address else None
    return int.from_bytes(data, "little") if data else 0


def loaded_bits(v):
    return 64 if model.kind_of(v) == "pv64" else 32


def program_of(v):
    """Name and number of the process that runs on a teaching kernel's vCPU: its cpus[n].running->process. None: unknown."""
    cpus = kernel_variable(loaded_bits(v), "cpus")
    if cpus is None:
        return None
    cpu = cpus.type.target()
    at = int(cpus.address) + int(v["id"]) * cpu.sizeof
    task = next(f.type.target() for f in cpu.fields() if f.name == "running")
    process = next(f.type.target() for f in task.fields() if f.name == "process")
    at = follow(v, at, model.member(cpu, "running"))
    at = follow(v, at, model.member(task, "process"))
    name = model.read_guest(v, at + model.member(process, "comm"), 16) if at else None
    pid = model.read_guest(v, at + model.member(process, "pid"), 4) if at else None
    if not name or not pid:
        return None
    return "%s (process %d)" % (name.split(b"\0")[0].decode("latin-1"), int.from_bytes(pid, "little"))


class GuestSymbols(gdb.Command):
    """guest-symbols FILE: use the symbols of FILE for guests whose memory holds this kernel.

The kernels of build/guest are known. This one is chosen in the same way: when a guest that runs it is stopped."""

    def __init__(self):
        super().__init__("guest-symbols", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        path = os.path.abspath(os.path.expanduser(argument.strip()))
        if not argument.strip():
            raise gdb.GdbError("Usage: guest-symbols FILE")
        try:
            elf(path)
        except (OSError, ValueError) as why:
            raise gdb.GdbError("guest-symbols: %s" % why) from None
        also.insert(0, path)
        if gdb.selected_thread():
            choose()
        gdb.write("%s: %s\n" % (argument.strip(), "its symbols are loaded" if path in loaded.values()
                                else "used when a guest runs it"))
