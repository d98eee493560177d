#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The machine's own NMI, by QEMU's monitor, reaches the NMI handler of Dom0's kernel, which sleeps meanwhile
(tests/pv-nmi).

    nmi.py KIND
"""

import json
import os
import socket
import sys
import tempfile

from machine import BUILD, Machine, Tap, require

KIND = sys.argv[1]


class Monitor:
    """QEMU's machine protocol, as far as one command needs it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")
        self.lines.readline()  # the greeting
        self.run("qmp_capabilities")

    def run(self, command):
        self.socket.sendall(json.dumps({"execute": command}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                require("return" in answer, "%s: %s" % (command, answer))
                return


def session():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "qmp")
        kernel = os.path.join(BUILD, "tests", "pv-nmi-%s.elf" % KIND)
        args = ["-m", "256", "-smp", "2", "-cpu", "max", "-qmp", "unix:%s,server=on,wait=off" % path,
                "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", kernel + " machine",
                "-append", "console=com1 dom0_mem=64M dom0_max_vcpus=1 noreboot audit=exit"]
        with Machine(args, os.path.join(BUILD, "tests", "nmi-%s.log" % KIND), limit=120) as m:
            m.expect("waiting for the machine")
            Monitor(path).run("inject-nmi")
            m.expect("RESULT success")
            m.expect("audit: .* ok")
            require(m.wait_end(60) == 0, "QEMU's exit code is not 0")


def main():
    tap = Tap()
    tap.step("%s: an NMI of the machine is Dom0's" % KIND, session)
    tap.end()


main()
