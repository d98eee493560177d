# SPDX-License-Identifier: MIT
"""QEMU's machine protocol (QMP), as far as the tests need it: commands on a running machine."""

import json
import os
import socket
import tempfile

from machine import require


class Monitor:
    """`with Monitor() as monitor:` start a Machine with `monitor.args` and what else it needs, then ask."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "qmp")
        self.args = ["-qmp", "unix:%s,server=on,wait=off" % self.path]
        self.socket = self.lines = None
        return self

    def __exit__(self, *unused):
        if self.socket:
            self.lines.close()
            self.socket.close()
        self.folder.cleanup()

    def run(self, command, **arguments):
        """One command; what it returns."""
        if not self.socket:
            self._connect()
        return self._ask({"execute": command, "arguments": arguments})

    def memory(self, address, size):
        """So many bytes of physical memory."""
        file = os.path.join(self.folder.name, "memory")
        self.run("pmemsave", val=address, size=size, filename=file)
        with open(file, "rb") as f:
            return f.read()

    def screen(self):
        """The lines of the VGA text screen, without trailing blanks."""
        cells = self.memory(0xb8000, 80 * 25 * 2)[::2].decode("cp437")
        return [cells[at:at + 80].rstrip(" \0") for at in range(0, len(cells), 80)]

    def _connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(self.path)
        self.lines = self.socket.makefile("r")
        self.lines.readline()  # the greeting
        self._ask({"execute": "qmp_capabilities"})

    def _ask(self, command):
        self.socket.sendall(json.dumps(command).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                require("return" in answer, "%s: %s" % (command, answer))
                return answer["return"]
