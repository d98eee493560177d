# SPDX-License-Identifier: MIT
"""Who runs: said in one line at each stop, and by `current`; and the symbols that go with it."""

import gdb

from ringlet import kernels, model
from ringlet.target import IMAGE, IMAGE_END, hypervisor_is_there, paging, privilege, register

BITS = {True: "64", False: "32"}


def guest_words(v, cs):
    """`d0v0 (pv64), its kernel, ring 3`."""
    words = "%s (%s), %s, ring %d" % (model.name_of(v), model.kind_of(v),
                                      "its kernel" if model.in_kernel(v, cs) else "an application", cs & 3)
    program = None if model.in_kernel(v, cs) else kernels.program_of(v)
    return words.replace("an application", "its application %s" % program) if program else words


def bare_words():
    """Without a hypervisor: a kernel on the bare machine, or what comes before any."""
    if not paging():
        return "the firmware or the boot loader"
    kind = kernels.bare_kind()
    ring = privilege()
    return "%s, %s, ring %d" % ("the bare machine (%s)" % kind, "its kernel" if ring == 0 else "an application", ring)


def words():
    """What the selected processor does."""
    if not hypervisor_is_there():
        return bare_words()
    cpu = model.processor()
    if cpu is None:
        return "the hypervisor, booting" if IMAGE <= register("rip") < IMAGE_END else "starting"
    number, v = "CPU %d: " % int(cpu["id"]), model.current()
    if v is None:
        booted = any(int(d["state"]) for d in model.domains())
        return number + ("the hypervisor, idle" if booted else "the hypervisor, booting")
    if privilege():
        return number + guest_words(v, register("cs"))
    return number + "the hypervisor, ring 0, entered from " + guest_words(v, int(v["regs"]["cs"]))


def on_stop(_event):
    """Load the symbols of the guest that runs, then say who it is."""
    try:
        gdb.selected_thread()
        kernels.choose()
        gdb.write("[%s]\n" % words())
    except (gdb.error, gdb.GdbError, RuntimeError) as why:
        gdb.write("[who runs is unknown: %s]\n" % why)


def register_all():
    gdb.events.stop.connect(on_stop)
