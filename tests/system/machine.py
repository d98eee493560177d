# SPDX-License-Identifier: MIT
"""A QEMU machine driven over its serial line, and the TAP lines that tell what was seen.

Every wait has a limit, and the QEMU is ended by its own process id whatever happens. Nothing here measures
time: limits are only there so that a hang becomes a failure. A hypervisor that says that it has stopped for good
ends every wait at once.
"""

import os
import re
import select
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
os.environ["PATH"] += ":/usr/sbin:/sbin"  # mke2fs and e2fsck, which make disks and look at them; this file is everybody's


# What the hypervisor says when it will never go on; behind the first there may come a report.
PANIC, HALTED = r"PANIC on CPU \d", r"Halted( \(noreboot\)|: )"
REPORT_SECONDS = 5
AHEAD, ECHO_SECONDS = 64, 5  # characters typed without an echo, and how long to wait for it
LINE_SECONDS, SLOWLY_SECONDS = 0.0007, 0.005  # what 8 characters take on a line of 115,200 baud; where nothing is echoed
OVERLAP = 40  # no less than any of these sentences, of which a part may have come


class Failure(Exception):
    """A check that did not hold; its text goes behind `not ok`."""


def guest_result(text):
    """The worst of a guest test's own RESULT lines, on the console of Dom0 or of a guest: (word, why).
    No RESULT is an error. A RESULT that is quoted within a line is none."""
    order = ("success", "skip", "error", "failure")
    found = re.findall(r"^(?:\(d\d+\) )?RESULT (%s)\b *(.*?)\s*$" % "|".join(order), text, re.M)
    return max(found, key=lambda r: order.index(r[0])) if found else ("error", "no RESULT; its last words: %r" % text[-200:])


class Machine:
    """One QEMU. `args` are added to the common ones; the transcript goes to `log`, and to the file `show`."""

    def __init__(self, args, log, limit=600, show=None):
        os.makedirs(os.path.dirname(log), exist_ok=True)
        self.log = open(log, "wb")
        self.show = show
        self.died = None  # when to stop waiting for a hypervisor that has stopped
        self.recent = ""
        self.received = 0  # characters, ever
        self.deadline = time.monotonic() + limit
        self.text = ""  # everything received and not yet consumed by expect()
        self.args = args
        self.process = self.start({"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT})
        os.set_blocking(self.process.stdout.fileno(), False)
        self.serial = 0

    def start(self, pipes):
        """The process that is talked with."""
        return subprocess.Popen(["qemu-system-x86_64", "-display", "none", "-no-reboot", "-monitor", "none",
                                 "-serial", "stdio", "-nic", "none"] + self.args, **pipes)

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        if kind is None and self.died:
            raise Failure("the hypervisor stopped, which no step noticed: see %s" % self.log.name)

    def _watch(self, text):
        """Note whether the hypervisor says in `text`, which has just come, that it has stopped."""
        self.recent = self.recent[-OVERLAP:] + text
        if re.search(HALTED, self.recent):
            self.died = time.monotonic()
        elif self.died is None and re.search(PANIC, self.recent):
            self.died = time.monotonic() + REPORT_SECONDS

    def _check(self, wanted, until, limit):
        """Fail if there is no point in waiting for what is `wanted`."""
        now = time.monotonic()
        if self.died is not None and now >= self.died:
            raise Failure("the hypervisor stopped (a panic, or Dom0 crashed) before %s: %s" % (wanted, self.text[-4000:]))
        if now > min(until, self.deadline):
            raise Failure("no %s within %d s; last seen: %r" % (wanted, limit, self.text[-400:]))

    def _read(self, until):
        """Take what has come, waiting at most to `until`; False at the end of the output."""
        ends = [until, self.deadline] + ([self.died] if self.died is not None else [])
        wait = max(0.0, min(ends) - time.monotonic())
        if not select.select([self.process.stdout], [], [], wait)[0]:
            return True
        data = self.process.stdout.read()
        if data == b"":
            return False
        if data:
            self.log.write(data)
            self.log.flush()
            text = data.decode("utf-8", "replace").replace("\r", "")
            self.text += text
            self.received += len(text)
            self._watch(text)
            if self.show:
                self.show.write(text)
                self.show.flush()
        return True

    def expect(self, pattern, limit=60):
        """Wait for `pattern`, consume the text up to its end, return the match."""
        until = time.monotonic() + limit
        while True:
            found = re.search(pattern, self.text, re.M)
            if found:
                self.text = self.text[found.end():]
                return found
            self._check(repr(pattern), until, limit)
            if not self._read(until):
                raise Failure("the machine ended%s before %r; last seen: %r" % (self._why_ended(), pattern, self.text[-400:]))

    def until(self, holds, what, limit=60):
        """Wait until `holds()`, which is asked again when something has come: of the log, not of what expect() leaves."""
        until = time.monotonic() + limit
        while not holds():
            self._check(what, until, limit)
            if not self._read(until):
                raise Failure("the machine ended%s before %s; last seen: %r" % (self._why_ended(), what, self.text[-400:]))

    def _why_ended(self):
        """Nothing, or that QEMU did not end by itself: then it is QEMU that failed."""
        try:
            code = self.process.wait(REPORT_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        return " by signal %d, which QEMU got," % -code if code < 0 else ""

    def send(self, text):
        """Type `text`, a few characters at a time as a serial line would bring them, and no further ahead of the echo
        than the shortest buffer on the way holds (Xen's has room for 128). Where nothing is echoed, slowly."""
        data = text.encode()
        start, echoes = self.received, True
        for at in range(0, len(data), 8):
            try:
                self.process.stdin.write(data[at:at + 8])
                self.process.stdin.flush()
            except BrokenPipeError:
                raise Failure("the machine has ended%s" % self._why_ended()) from None
            until = time.monotonic() + ECHO_SECONDS
            while echoes and at + 8 - (self.received - start) > AHEAD:
                echoes = time.monotonic() < until and self._read(until)
            time.sleep(LINE_SECONDS if echoes else SLOWLY_SECONDS)

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

    def number(self, command, limit=60):
        """The last line of a command's output that is a number. Lines of other domains may stand around it."""
        output = self.run(command, limit)
        found = re.findall(r"(?m)^(\d+)\s*$", output)
        require(found, "%r prints no number: %s" % (command, output.strip()))
        return int(found[-1])

    def wait_end(self, limit=60):
        """Wait for QEMU to end by itself; its exit code."""
        until = time.monotonic() + limit
        while self._read(until):
            self._check("end of the machine", until, limit)
        if self.died is not None:
            raise Failure("the hypervisor stopped (a panic, or Dom0 crashed): %s" % self.text[-4000:])
        try:
            return self.process.wait(timeout=max(1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failure("the machine is still running after %d s" % limit) from None


def require(condition, text):
    """Fail with `text` unless the condition holds."""
    if not condition:
        raise Failure(text)


def audit(m):
    """Dom0's shell asks the auditor, which must find all in order."""
    m.run("rl dmesg -c > /dev/null; rl debug-keys a; until rl dmesg | grep -q 'audit: [0-9w]'; do usleep 20000; done")
    report = m.run("rl dmesg")
    require(re.search(r"audit: \d+ frames, ok", report), report)


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

    def skip(self, name, why):
        """A step that cannot be taken here; it is counted as skipped."""
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why), flush=True)

    def end(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.failed else 0)
