#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make tmux` and `make debug WINDOWS=tmux` (docs/rl.md, docs/debugging.md), in a real tmux: what its panes show, and keys typed there."""

import os
import re
import subprocess
import tempfile
import time

from machine import BUILD, Failure, Tap, require

TOP = os.path.dirname(BUILD)
LIMIT = 150  # wall time, the last net


class Terminal:
    """A server of tmux's own. Panes are numbered from the top."""

    def __init__(self, folder):
        self.env = {k: v for k, v in os.environ.items() if k not in ("TMUX", "MAKEFLAGS", "MAKELEVEL")}
        self.env.update(TMUX_TMPDIR=folder, TERM="xterm", SHELL="/bin/sh", SHARE="", NET="")
        self.session = None

    def run(self, *command):
        done = subprocess.run(command, cwd=TOP, env=self.env, capture_output=True, text=True, timeout=LIMIT, check=False)
        require(done.returncode == 0, "%s: exit code %d: %s" % (command, done.returncode, done.stderr))
        return done.stdout

    def shows(self, pane):
        """Without blanks at the ends of lines; nothing while there is no such pane."""
        done = subprocess.run(["tmux", "capture-pane", "-p", "-t", "%s.%d" % (self.session, pane)], env=self.env, capture_output=True,
                              text=True, timeout=LIMIT, check=False)
        return done.stdout

    def expect(self, pane, pattern):
        until = time.monotonic() + LIMIT
        while not re.search(pattern, self.shows(pane)):
            if time.monotonic() > until:
                raise Failure("pane %d does not show %r: %s" % (pane, pattern, self.shows(pane)))
            time.sleep(0.2)

    def type(self, pane, text):
        self.run("tmux", "send-keys", "-t", "%s.%d" % (self.session, pane), "-l", text)
        self.run("tmux", "send-keys", "-t", "%s.%d" % (self.session, pane), "Enter")

    def end(self):
        """QEMU's own way; what is left goes with the server."""
        self.run("tmux", "send-keys", "-t", self.session + ".0", "C-a", "x")
        self.expect(0, r"Enter closes this|QEMU: Terminated")
        self.run("tmux", "kill-session", "-t", self.session)


def consoles(t):
    t.session = t.run("sh", "scripts/tmux.sh", "-d").strip()
    t.expect(0, r"dom0:/root#")
    t.type(0, "rl create -q demo64.cfg; rl console --on 1 demo64")
    t.expect(1, r"demo64:/root#")
    t.type(1, "echo in-$((40 + 2))")
    t.expect(1, r"(?m)^in-42$")
    require("in-42" not in t.shows(0), "Dom0's pane shows the guest's output")
    require(len(t.run("tmux", "list-panes", "-t", t.session).splitlines()) == 3, "not three panes")
    t.end()


def debugger(t):
    t.session = "debugger"
    t.run("tmux", "new-session", "-d", "-s", t.session, "-x", "100", "-y", "60", "make debug WINDOWS=tmux BOOT=pv64; read key")
    t.expect(1, r"\(gdb\)\s*$")
    t.type(1, "hbreak dom0_build")
    t.type(1, "continue")
    t.expect(1, r"Breakpoint \d+, dom0_build")
    t.type(1, "continue")
    t.expect(0, r"dom0:/root#")
    t.end()


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        t = Terminal(folder)
        tap.step("make tmux: Dom0 and a guest, side by side", lambda: consoles(t))
        tap.step("make debug WINDOWS=tmux: the machine and gdb, one above the other", lambda: debugger(t))
        subprocess.run(["tmux", "kill-server"], env=t.env, capture_output=True, check=False)
    tap.end()


main()
