#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""console.py N [FOLDER]: this terminal is the N-th further serial line of the machine that `make run CONSOLES=...` has started; ^A x
leaves, ^A ^A types ^A. It waits for the machine. FOLDER is where its lines are, build/consoles if nothing is said."""

import os
import select
import socket
import sys
import termios
import time
import tty

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PREFIX = 1  # ^A


def connect(path):
    line = socket.socket(socket.AF_UNIX)
    told = False
    while True:
        try:
            line.connect(path)
            return line
        except (FileNotFoundError, ConnectionRefusedError):
            if not told:
                print("waiting for the machine: make run CONSOLES=%s" % sys.argv[1], flush=True)
            told = True
            time.sleep(0.2)


class Keys:
    """What is typed, without the keys that are for this program."""

    def __init__(self):
        self.prefixed = False

    def take(self, data):
        """The bytes to pass on, and whether the user leaves."""
        out = bytearray()
        for byte in data:
            if self.prefixed and byte in b"xX":
                return bytes(out), True
            if self.prefixed or byte != PREFIX:
                out.append(byte)
            self.prefixed = byte == PREFIX and not self.prefixed
        return bytes(out), False


def talk(line):
    """Until the user leaves, or the machine ends: then why."""
    keys, leaves = Keys(), False
    while not leaves:
        ready = select.select([0, line], [], [])[0]
        if line in ready:
            data = line.recv(4096)
            if not data:
                return "the machine has ended"
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, 256)
            out, leaves = keys.take(data)
            line.sendall(out)
            leaves |= not data
    return "left"


def main():
    if len(sys.argv) not in (2, 3) or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    number = sys.argv[1]
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(TOP, "build", "consoles")
    line = connect(os.path.join(folder, number))
    print("line %s of the machine; ^A x leaves. In Dom0: rl console --on %s DOMAIN" % (number, number), flush=True)
    before = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        if before:
            tty.setraw(0)
        why = talk(line)
    finally:
        if before:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    print("\n(line %s: %s)" % (number, why))


try:
    main()
except KeyboardInterrupt:
    pass
