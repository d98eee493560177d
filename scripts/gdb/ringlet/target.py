# SPDX-License-Identifier: MIT
"""The stopped machine: registers, memory by virtual and by physical address, the hypervisor's variables."""

import struct

import gdb

from ringlet.elf import elf

MASK = (1 << 64) - 1
PAGE = 4096
IMAGE, IMAGE_END = 0xffff828000000000, 0xffff82c000000000  # docs/memory-layout.md, slot 261
RING0_FIRST, RING0_END = 0xffff800000000000, 0xffff880000000000
HYPERVISOR_ELF = "ringlet.debug.elf"


def fail(text):
    """End the command with a message."""
    raise gdb.GdbError(text)


def need_machine():
    if gdb.selected_thread() is None or not gdb.selected_thread().is_valid():
        fail("There is no machine: start one with `make debug`, and connect with `make gdb`.")


def register(name):
    """A register of the selected processor, whatever frame is selected."""
    return int(gdb.newest_frame().read_register(name)) & MASK


def read_virtual(address, length):
    """What the processor sees at @address with the page tables that are in force; None: nothing is mapped there."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    except gdb.MemoryError:
        return None


def read_physical(address, length):
    """Memory of the machine, by QEMU's own packet; None: there is none."""
    connection = gdb.selected_inferior().connection
    connection.send_packet("Qqemu.PhyMemMode:1")
    try:
        return read_virtual(address, length)
    finally:
        connection.send_packet("Qqemu.PhyMemMode:0")


def entry_at(table, slot, size=8):
    """Entry @slot of the page table at physical address @table; None: there is no such memory."""
    data = read_physical(table + slot * size, size)
    return None if data is None else struct.unpack("<Q" if size == 8 else "<I", data)[0]


def objfile(ending):
    for o in gdb.objfiles():
        if o.filename and o.filename.endswith(ending):
            return o
    return None


def variable_in(o, name):
    """A variable of one file, or None. Type and address are looked up in that file alone: gdb takes the address of what
    is declared extern from any file that has the name, and guests have some of the hypervisor's."""
    symbol = o.lookup_global_symbol(name) or o.lookup_static_symbol(name)
    address = elf(o.filename).named.get(name)
    if symbol is None or address is None:
        return None
    return gdb.Value(address).cast(symbol.type.pointer()).dereference()


def hypervisor(name):
    """The hypervisor's variable @name, a gdb.Value."""
    o = objfile(HYPERVISOR_ELF)
    if o is None:
        fail("The hypervisor's symbols are not loaded: build/%s is missing. `make` builds it; then "
             "`file build/%s`." % (HYPERVISOR_ELF, HYPERVISOR_ELF))
    value = variable_in(o, name)
    if value is None:
        fail("build/%s has no variable %s: it is not what this checkout builds. `make` builds it." % (HYPERVISOR_ELF, name))
    return value


def hypervisor_is_there():
    """Has it built its page tables, so that its variables can be read? Not in firmware, loader or a bare kernel."""
    return objfile(HYPERVISOR_ELF) is not None and read_virtual(int(hypervisor("cpu_table").address), 8) is not None


def need_hypervisor():
    need_machine()
    hypervisor("cpu_table")
    if not hypervisor_is_there():
        fail("The hypervisor does not run (yet): this processor is in %s." % ("a kernel on the bare machine" if paging()
                                                                             else "the firmware or the boot loader"))


def paging():
    return bool(register("cr0") & 0x80000000)


def privilege():
    """The ring that the selected processor is in."""
    return register("cs") & 3
