# SPDX-License-Identifier: MIT
"""One terminal for gdb and the guest's console (make debug WINDOWS=1): what the console says appears here, `type` types."""

import os
import socket
import threading

import gdb

VARIABLE = "RINGLET_CONSOLE"  # scripts/gdb/debug.sh: the socket that is the machine's serial line


class Type(gdb.Command):
    """type TEXT: type a line into the machine's console, which is on this terminal (make debug WINDOWS=1).

The guest sees it when it runs: `type rl list`, then `continue`."""

    def __init__(self):
        super().__init__("type", gdb.COMMAND_RUNNING)
        self.line = None

    def open(self):
        """Connect, and show what comes. QEMU would stop the machine if nobody read."""
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(os.environ[VARIABLE])
        threading.Thread(target=self.show, daemon=True).start()

    def show(self):
        while True:
            text = self.line.recv(4096)
            if not text:
                return
            os.write(1, text)

    def invoke(self, argument, from_tty):
        if self.line is None:
            raise gdb.GdbError("The console is in the other terminal: type there. (`make debug WINDOWS=1` has it here.)")
        self.line.sendall(argument.encode() + b"\n")


def start():
    command = Type()
    if os.environ.get(VARIABLE):
        command.open()
