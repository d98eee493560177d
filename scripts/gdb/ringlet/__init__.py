# SPDX-License-Identifier: MIT
"""gdb's commands for Ringlet: `help ringlet` lists them, docs/debugging.md shows them at work. Loading the package
registers everything; scripts/gdb/python.gdb does that."""

import os

import gdb

from ringlet import breaks, commands, console, kernels, stop, unwind
from ringlet.target import HYPERVISOR_ELF, objfile

commands.register_all()
breaks.register_all()
unwind.register_all()
stop.register_all()


def connect():
    """Load what can be named before anything runs, and meet the machine that waits."""
    if objfile(HYPERVISOR_ELF) is None:
        gdb.write("build/%s is missing, so nothing here knows a name: `make` builds it.\n" % HYPERVISOR_ELF)
    for kind in ["pv64", "pv32"] + os.environ.get("RINGLET_BOOT", "").split():
        for path in kernels.candidates(kind)[:1]:
            kernels.load(path)
    try:
        gdb.execute("target remote " + os.environ["RINGLET_TARGET"])
    except gdb.error as why:
        leave("No machine waits at %s (%s): `make debug` in another terminal starts one." % (os.environ["RINGLET_TARGET"], why))
    console.start()
    if objfile(HYPERVISOR_ELF):
        gdb.execute("hbreak panic")
    gdb.write("`help ringlet` lists the commands for this machine; `continue` starts it.\n")


def leave(text):
    """A session without a machine makes no sense."""
    gdb.write(text + "\n", gdb.STDERR)
    gdb.flush(gdb.STDERR)
    os._exit(1)
