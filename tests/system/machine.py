# SPDX-License-Identifier: MIT
"""A QEMU machine driven over its serial line, and the TAP lines that tell what was seen.

Every wait has a limit, and the QEMU is ended by its own process id whatever happens. Nothing here measures
time: limits are only there so that a hang becomes a failure.
"""

import os
import re
import select
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")


class Failure(Exception):
    """A check that did not hold; its text goes behind `not ok`."""


class Machine:
    """One QEMU. `args` are added to the common ones; the transcript goes to `log`."""

    def __init__(self, args, log, limit=600):
        os.makedirs(os.path.dirname(log), exist_ok=True)
        self.log = open(log, "wb")
        self.deadline = time.monotonic() + limit
        self.text = ""  # everything received and not yet consumed by expect()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-display", "none", "-no-reboot", "-monitor", "none",
             "-serial", "stdio", "-nic", "none"] + args,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.serial = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def _read(self, until):
        """Take what has come, waiting at most to `until`; False at the end of the output."""
        wait = max(0.0, min(until, self.deadline) - time.monotonic())
        if not select.select([self.process.stdout], [], [], wait)[0]:
            return True
        data = self.process.stdout.read()
        if data == b"":
            return False
        if data:
            self.log.write(data)
            self.log.flush()
            self.text += data.decode("utf-8", "replace").replace("\r", "")
        return True

    def expect(self, pattern, limit=60):
        """Wait for `pattern`, consume the text up to its end, return the match."""
        until = time.monotonic() + limit
        while True:
            found = re.search(pattern, self.text, re.M)
            if found:
                self.text = self.text[found.end():]
                return found
            if time.monotonic() > min(until, self.deadline):
                raise Failure("no %r within %d s; last seen: %r" % (pattern, limit, self.text[-400:]))
            if not self._read(until):
                raise Failure("the machine ended before %r; last seen: %r" % (pattern, self.text[-400:]))

    def send(self, text):
        """Type `text`, a few characters at a time as a serial line would bring them."""
        data = text.encode()
        for at in range(0, len(data), 8):
            self.process.stdin.write(data[at:at + 8])
            self.process.stdin.flush()
            time.sleep(0.005)

    def run(self, command, limit=60, code=0):
        """Run one shell command, return its output; its exit code must be `code` (None: any)."""
        self.serial += 1
        at = self.serial
        # The quotes keep an echo of the typed line from looking like its output. There may be two echoes:
        # the terminal's, when the line comes before the shell asks for it, and the line editor's.
        # The command finds $? as the line before left it.
        self.send("_s=$?; echo '@@'\"begin%d:\"; (exit $_s); %s; echo '@@'\"done%d:$?:\"\n" % (at, command, at))
        self.expect(r"@@begin%d:\n" % at, limit)
        before = self.expect(r"(?s)(.*?)@@done%d:(\d+):" % at, limit)
        output, got = before.group(1), int(before.group(2))
        if code is not None and got != code:
            raise Failure("%r: exit code %d, not %d: %s" % (command, got, code, output.strip()))
        return output

    def wait_end(self, limit=60):
        """Wait for QEMU to end by itself; its exit code."""
        until = time.monotonic() + limit
        while self._read(until) and time.monotonic() < until:
            pass
        try:
            return self.process.wait(timeout=max(1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failure("the machine is still running after %d s" % limit) from None


def require(condition, text):
    """Fail with `text` unless the condition holds."""
    if not condition:
        raise Failure(text)


class Tap:
    """Numbered TAP lines. A step is a function; its Failure makes it `not ok`."""

    def __init__(self):
        self.count = self.failed = 0

    def step(self, name, function):
        self.count += 1
        try:
            function()
        except Failure as why:
            self.failed += 1
            print("not ok %d - %s" % (self.count, name))
            print("# " + str(why).replace("\n", "\n# "))
            sys.stdout.flush()
            return False
        print("ok %d - %s" % (self.count, name))
        sys.stdout.flush()
        return True

    def end(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.failed else 0)
