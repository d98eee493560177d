# SPDX-License-Identifier: MIT
"""The commands that look at domains, vCPUs, frames and page tables. Each docstring is what `help` shows."""

import gdb

from ringlet import kernels, model, stop
from ringlet.target import MASK, PAGE, fail, hypervisor_is_there, need_hypervisor, need_machine, paging, register

FLAGS = ((0x1, "P"), (0x2, "RW"), (0x4, "U"), (0x8, "PWT"), (0x10, "PCD"), (0x20, "A"), (0x40, "D"), (0x80, "PS"), (0x100, "G"),
         (1 << 63, "NX"))
PAE, LMA = 1 << 5, 1 << 10  # CR4, EFER


def number(text, what):
    """A number that a user typed: C's forms, or any expression of gdb."""
    try:
        return int(gdb.parse_and_eval(text)) & MASK
    except gdb.error as why:
        return fail("%s: %s is no number (%s)" % (what, text, why))


def table(rows):
    """Print rows of words in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        gdb.write("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() + "\n")


class Command(gdb.Command):
    """A command that looks at the machine: its name is NAME, its help the docstring."""

    NAME = ""

    def __init__(self):
        super().__init__(self.NAME, gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        try:
            self.run(words)
        except gdb.MemoryError as why:
            fail("%s: %s" % (self.NAME, why))

    def usage(self):
        fail("Usage: " + self.__doc__.split(":")[0].strip())


class Ringlet(gdb.Command):
    """Commands for Ringlet's machine. `help COMMAND` says more about each.

current [all]           who runs on this processor: domain, vCPU, kind, ring
domains                 all domains
vcpus [DOMAIN]          their vCPUs, and where each is
frame mfn MFN           a machine frame: owner, type, uses, references (also: mfn MFN)
walk ADDRESS [VCPU]     the page tables' entries for an address, level by level
hypercall-break NAME [N] [domid=D]   stop at the N-th hypercall of this name
guest-symbols FILE      symbols of a kernel that is not one of build/guest

At each stop a line says who runs, and the symbols of the guest's kernel that runs are loaded. `backtrace` goes on
from the hypervisor into the guest that entered it, and from a guest's kernel into its application.
`info threads` lists the processors, `thread N` selects one. `$vcpu()` is the current struct vcpu, in expressions."""

    def __init__(self):
        super().__init__("ringlet", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        gdb.execute("help ringlet")


class Current(Command):
    """current [all]: who runs on the selected processor (with `all`, on each): domain, vCPU, kind, kernel or application, ring."""

    NAME = "current"

    def run(self, words):
        need_machine()
        if words not in ([], ["all"]):
            self.usage()
        here = gdb.selected_thread()
        threads = sorted(gdb.selected_inferior().threads(), key=lambda t: t.num) if words else [here]
        for thread in threads:
            thread.switch()
            gdb.write("%s%s\n" % ("" if not words else "* " if thread.num == here.num else "  ", stop.words()))
        here.switch()


class Domains(Command):
    """domains: all domains: kind, state, vCPUs, pages of its own and the limit, pages held for it by the hypervisor."""

    NAME = "domains"

    def run(self, words):
        need_hypervisor()
        if words:
            self.usage()
        rows = [("domain", "kind", "state", "vCPUs", "pages", "limit", "KiB held", "references", "")]
        for d in model.domains():
            kind = d["kind"]["name"].string() if int(d["kind"]) else "-"
            rows.append(("d%d" % int(d["id"]), kind, str(d["state"]).replace("DOMAIN_", "").lower(), str(sum(1 for _ in model.vcpus(d))),
                         str(int(d["mm"]["tot_pages"])), str(int(d["mm"]["max_pages"])), str(int(d["mm"]["heap_bytes"]) >> 10),
                         str(int(d["refs"])), "privileged" if bool(d["privileged"]) else ""))
        if len(rows) == 1:
            fail("There is no domain yet: the hypervisor is booting.")
        table(rows)


class Vcpus(Command):
    """vcpus [DOMAIN]: the vCPUs of a domain, or of all: state, processor, where each is, page tables, events, hypercalls."""

    NAME = "vcpus"

    def run(self, words):
        need_hypervisor()
        if len(words) > 1:
            self.usage()
        rows = [("vCPU", "state", "CPU", "RIP", "ring", "in", "CR3", "events", "hypercalls")]
        for d in [model.domain_named(words[0])] if words else model.domains():
            rows += [self.row(v) for v in model.vcpus(d)] if str(d["state"]) != "DOMAIN_DEAD" else []
        if len(rows) == 1:
            fail("There is no vCPU yet: the hypervisor is booting.")
        table(rows)

    @staticmethod
    def row(v):
        """Its registers are the processor's own while it runs there outside of the hypervisor."""
        rip, cs = int(v["regs"]["rip"]), int(v["regs"]["cs"])
        live = Vcpus.live(v) if bool(v["running"]) else None
        if live:
            rip, cs = live
        started = bool(int(v["mm"]["kernel_cr3"]))
        kernel = model.in_kernel(v, cs)
        cr3 = int(v["mm"]["kernel_cr3" if kernel or model.kind_of(v) != "pv64" else "user_cr3"])
        upcall = v["info"].cast(gdb.lookup_type("unsigned char").pointer()) if int(v["info"]) else None
        events = "-" if upcall is None else ("pending" if int(upcall[0]) else "none") + (" masked" if int(upcall[1]) else "")
        state = "running" if bool(v["running"]) else str(v["state"]).replace("VCPU_", "").lower()
        return (model.name_of(v), state, str(int(v["cpu"]["id"])), "%016x" % rip if started else "-", str(cs & 3) if started else "-",
                ("kernel" if kernel else "application") if started else "-", "%x" % cr3 if started else "-", events,
                str(int(v["entry"]["hypercalls"])))

    @staticmethod
    def live(v):
        """(RIP, CS) if some processor executes it right now."""
        here, found = gdb.selected_thread(), None
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            runs = model.current()
            if runs is not None and int(runs.address) == int(v.address) and register("cs") & 3:
                found = register("rip"), register("cs")
        here.switch()
        return found


class Mfn(Command):
    """mfn MFN: what the frame table says of a machine frame: owner, pseudo-physical number, type and its uses, references.

The rules of types and references stand at the top of hypervisor/mm/page.c. `frame mfn MFN` is the same."""

    NAME = "mfn"
    TYPE_FLAGS = ((1 << 60, "pinned"), (1 << 61, "validated"), (1 << 62, "carries the M2P"), (1 << 63, "partial"), (1 << 54, "doomed"))

    def run(self, words):
        need_hypervisor()
        if len(words) != 1:
            self.usage()
        mfn = number(words[0], self.NAME)
        page = model.page_info(mfn)
        if page is None:
            fail("mfn %#x is no RAM: the last frame is %#x." % (mfn, int(model.hypervisor("max_mfn")) - 1))
        gdb.write("mfn %#x: %s\n" % (mfn, self.describe(mfn, page)))

    def describe(self, mfn, page):
        count, kind = int(page["count"]) & 0xffffffff, int(page["type"]) & MASK
        if not count:
            return self.unowned(mfn)
        pfn = model.pfn_of(mfn)
        uses, flags = kind & 0xffffffff, [name for bit, name in self.TYPE_FLAGS if kind & bit]
        lines = ["owner %s%s" % (model.owner_name(page["owner"]) if int(page["owner"]) else "none",
                                 ", no pfn" if pfn is None else ", pfn %#x" % pfn),
                 "type %s%s, %d use%s" % (model.PAGE_TYPES[kind >> 56 & 15], " (%s)" % ", ".join(flags) if flags else "", uses,
                                          "" if uses == 1 else "s"),
                 "%d reference%s%s" % (count & 0x03ffffff, "" if count & 0x03ffffff == 1 else "s",
                                       ", one of them for being owned" if count >> 31 else "")]
        if count >> 30 & 1:
            lines.append("a page of the hypervisor's that the guest sees")
        return "; ".join(lines)


    @staticmethod
    def unowned(mfn):
        """Free frames lie in blocks whose first one says so (hypervisor/mm/frame.c)."""
        for order in range(19):
            first = mfn >> order << order
            if first and int(model.page_info(first)["type"]) & MASK == 1 << 55 | order:
                return "free, in the block of 2^%d frames from mfn %#x on" % (order, first)
        return "the hypervisor's own"


class FrameMfn(Mfn):
    """frame mfn MFN: what the frame table says of a machine frame. `help mfn` says more.

(`frame` alone is gdb's own command, which selects a frame of the stack.)"""

    NAME = "frame mfn"


class Walk(Command):
    """walk ADDRESS [VCPU]: the page tables' entry for ADDRESS on each level, from CR3 down, and the frame that each names.

ADDRESS is any expression of gdb, as $pc. With a VCPU, as d1v0, its kernel's page tables are walked, whether it runs or not.
These are what the processor walks: for a pv guest its own tables (pv32: below a page of the hypervisor's), for fv shadows."""

    NAME = "walk"

    def run(self, words):
        need_machine()
        if len(words) not in (1, 2):
            self.usage()
        if len(words) == 2:
            need_hypervisor()
            v = model.vcpu_named(words[1])
            cr3, levels, size, whose = int(v["mm"]["kernel_cr3"]), 4, 8, "the kernel of " + model.name_of(v)
            if not cr3:
                fail("%s has no page tables yet." % model.name_of(v))
        else:
            cr3, levels, size, whose = self.own()
        address = number(words[0], self.NAME)
        if levels < 4 or address < 1 << 47 or address >= (1 << 64) - (1 << 47):
            self.show(cr3, address & (0xffffffff if levels < 4 else MASK), levels, size, whose)
        else:
            fail("%#x is no canonical address: bits 47 to 63 must be equal." % address)

    @staticmethod
    def own():
        """CR3, levels, size of an entry, whose, of the selected processor."""
        if not paging():
            fail("This processor does not use page tables (yet): addresses are physical.")
        whose = stop.words()
        if register("efer") & LMA:
            return register("cr3"), 4, 8, whose
        return (register("cr3"), 3, 8, whose) if register("cr4") & PAE else (register("cr3"), 2, 4, whose)

    @staticmethod
    def show(cr3, address, levels, size, whose):
        known = hypervisor_is_there()
        gdb.write("%#x by CR3 %#x of %s\n" % (address, cr3, whose))
        for level, slot, mfn, entry in model.levels_of(cr3, address, levels, size):
            head = "  L%d mfn %x[%d]" % (level, mfn, slot)
            if entry is None:
                gdb.write("%s: no memory there\n" % head)
                return
            if not entry & model.PTE_P:
                gdb.write("%s = %016x: not present\n" % (head, entry))
                return
            to = (entry & model.PTE_ADDR) // PAGE
            gdb.write("%s = %016x: mfn %x%s %s\n" % (head, entry, to, " (%s)" % model.describe_mfn(to) if known else "",
                                                   " ".join(name for bit, name in FLAGS if entry & bit)))
        pa = model.translate(cr3, address, levels, size)
        gdb.write("  physical address %#x\n" % pa)


class CurrentVcpu(gdb.Function):
    """$vcpu(): the hypervisor's struct vcpu of the guest on the selected processor, as in `print $vcpu()->regs.rip`."""

    def __init__(self):
        super().__init__("vcpu")

    def invoke(self):
        return model.need_current().address


def register_all():
    CurrentVcpu()
    for command in (Ringlet, Current, Domains, Vcpus, Mfn, FrameMfn, Walk, kernels.GuestSymbols):
        command()
