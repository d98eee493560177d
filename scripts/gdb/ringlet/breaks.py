# SPDX-License-Identifier: MIT
"""Breakpoints on hypercalls by name. Names come from the one table, by what the build makes of it (build/abi/hypercalls.h)."""

import difflib
import os
import re

import gdb

from ringlet import kernels, model
from ringlet.target import fail, hypervisor, need_machine, register

TABLE = os.path.join(kernels.TOP, "build", "abi", "hypercalls.h")


def hypercalls():
    """{name: number}"""
    try:
        with open(TABLE, encoding="utf-8") as f:
            return {name: int(n) for name, n in re.findall(r"^#define __HYPERVISOR_(\w+) (\d+)$", f.read(), re.M)}
    except OSError as why:
        return fail("The table of hypercalls is missing (%s): `make` builds it." % why)


class HypercallBreakpoint(gdb.Breakpoint):
    """Stops at the n-th call of a handler, of one domain or of any."""

    def __init__(self, name, nth, domid):
        super().__init__("*hc_" + name)
        self.name, self.nth, self.domid, self.seen = name, nth, domid, 0

    def stop(self):
        """Called at each of them, so it asks the machine as little as possible: a handler runs for a vCPU, and GS_BASE is the
        hypervisor's."""
        cpu = gdb.Value(register("gs_base")).cast(hypervisor("cpu_table")[0].type).dereference()
        v = cpu["vcpu"].dereference()
        if self.domid is not None and int(v["domain"]["id"]) != self.domid:
            return False
        self.seen += 1
        if self.seen < self.nth:
            return False
        gdb.write("%s: call %d%s, by %s\n" % (self.name, self.seen, "" if self.domid is None else " of d%d" % self.domid,
                                            model.name_of(v)))
        return True


class HypercallBreak(gdb.Command):
    """hypercall-break NAME [N] [domid=D]: stop at the N-th hypercall NAME from now on (default: the first), of domain D or of any.

Calls out of a multicall count as well. It stops at each later one, too; `delete` takes it away, `info breakpoints` lists it.
`up` and `backtrace` show who called. Without NAME: the names, from abi/hypercalls.def.
Most iret hypercalls never reach their handler: hypervisor/entry/crossing.asm does them. Break at iret_crossing for these."""

    def __init__(self):
        super().__init__("hypercall-break", gdb.COMMAND_BREAKPOINTS)

    def complete(self, text, word):
        return [name for name in hypercalls() if name.startswith(word)]

    def invoke(self, argument, from_tty):
        names, nth, domid = hypercalls(), 1, None
        words = gdb.string_to_argv(argument)
        if not words:
            gdb.write(" ".join(sorted(names)) + "\n")
            return
        if words[0] not in names:
            near = difflib.get_close_matches(words[0], names, 1)
            fail("There is no hypercall %s%s" % (words[0], "; did you mean %s?" % near[0] if near else
                                                 "; `hypercall-break` alone lists them."))
        for word in words[1:]:
            if re.fullmatch(r"domid=\d+", word):
                domid = int(word[6:])
            elif re.fullmatch(r"[1-9]\d*", word):
                nth = int(word)
            else:
                fail("%s: neither a count from 1 on nor domid=D. Usage: hypercall-break NAME [N] [domid=D]" % word)
        need_machine()
        hypervisor("cpu_table")
        HypercallBreakpoint(words[0], nth, domid)


def register_all():
    HypercallBreak()
