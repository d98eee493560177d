# SPDX-License-Identifier: MIT
"""A small client of GDB's remote serial protocol, as much of it as single-stepping QEMU needs.

The machine is stopped from the moment the client connects until go() or step(). QEMU holds back interrupts
and the guest's clock during a single step, so what is stepped is the path itself. Manual: "Debugging with GDB",
appendix "GDB Remote Serial Protocol"; layout of the registers: QEMU's gdb-xml/i386-64bit.xml.
"""

import os
import socket
import time

# In the answer to "g": 16 general registers of 8 bytes, RIP, then EFLAGS and the selectors with 4 bytes each.
RIP, CS = slice(128, 136), 140


class GdbError(Exception):
    """The stub gave an unexpected answer, or none."""


class GdbRemote:
    """A connection to the stub that listens on the Unix socket `path`."""

    def __init__(self, path, limit=60):
        end = time.monotonic() + limit
        while not os.path.exists(path):
            if time.monotonic() > end:
                raise GdbError("QEMU made no socket for gdb")
            time.sleep(0.05)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(limit)
        self.socket.connect(path)
        self.buffer = b""
        # The stop itself may be reported, now or later: go on when a question is answered.
        answer = self._ask("qC")
        while not answer.startswith("QC"):
            answer = self._receive()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def _receive(self):
        """The body of the next packet, acknowledged."""
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start + 1)
            if start >= 0 and 0 <= end <= len(self.buffer) - 3:
                body, self.buffer = self.buffer[start + 1:end], self.buffer[end + 3:]
                self.socket.sendall(b"+")
                return body.decode()
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise GdbError("the machine did not stop in time") from None
            if not data:
                raise GdbError("QEMU closed the connection")
            self.buffer += data

    def _ask(self, body):
        self.socket.sendall(b"$%s#%02x" % (body.encode(), sum(body.encode()) & 0xff))
        return self._receive()

    def _ok(self, body):
        answer = self._ask(body)
        if answer != "OK":
            raise GdbError("%s: %r" % (body, answer))

    def breakpoint(self, address):
        """A hardware breakpoint: memory stays as it is, and any address space hits it."""
        self._ok("Z1,%x,1" % address)

    def no_breakpoint(self, address):
        self._ok("z1,%x,1" % address)

    def _stopped(self, answer):
        if answer[:3] not in ("T05", "S05"):
            raise GdbError("stopped by %r, not by a trap" % answer)

    def go(self):
        """Run until a breakpoint."""
        self._stopped(self._ask("c"))

    def step(self):
        """One instruction; the processor's entry to a handler belongs to the instruction that caused it."""
        self._stopped(self._ask("s"))

    def where(self):
        """(CPL, RIP): while a segment is in CS, its RPL is the current privilege level."""
        registers = bytes.fromhex(self._ask("g"))
        return registers[CS] & 3, int.from_bytes(registers[RIP], "little")
