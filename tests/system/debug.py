#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make debug: gdb meets the stopped machine with the right symbols of the hypervisor and of a guest kernel."""

import os
import socket
import subprocess

from machine import TOP, Failure, Tap

COMMANDS = """hbreak dom0_build
continue
info symbol $pc
info address hc_mmu_update
info line trap_from_guest
kill
quit
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def session():
    out = subprocess.run(["sh", "scripts/debug.sh"], cwd=TOP, input=COMMANDS, capture_output=True, text=True, timeout=100,
                         env=dict(os.environ, GDB_PORT=str(free_port()), TERM="dumb"), check=False).stdout
    for want in ("Breakpoint 2, dom0_build", "dom0_build", "hc_mmu_update", "trap.c"):
        if want not in out:
            raise Failure("gdb did not say %r: %s" % (want, out))


def main():
    tap = Tap()
    tap.step("gdb stops in dom0_build and knows the sources", session)
    tap.end()


if __name__ == "__main__":
    main()
