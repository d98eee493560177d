# SPDX-License-Identifier: MIT
"""What the graders of docs/labs share. A grader runs from the top of the tree it grades, and every path here is
relative to that; scripts/labs.py sets that folder and the module path.

	from grading import Points, answers, boot, make, require

A point's name is fixed: the lists of wrong solutions name it. What was measured goes into the hint, the text of
require(), which tells where to look rather than what to write.

Two ways lead out of the graded machine. What it prints, the student's code can print as well; that is good for hints. What
decides comes from QEMU's log of executed addresses, a file of the host that nothing in the machine can write (Watch).
"""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile

from machine import Failure, Machine, require  # noqa: F401 (for the graders)

BUILD = "build"
HANG = 600  # seconds, for a machine whose end its instructions do not bring about; no verdict depends on it
END_SECONDS = 20  # for a machine to switch itself off
COUNTED = ["-icount", "shift=0,sleep=off"]  # QEMU: ticks are instructions
LOG_BYTES = 8 << 20  # of a Watch, some 100,000 blocks: code that loops where it is watched ends here, with its machine
BUDGET = 1000  # million instructions: the second of judge_begins() in docs/labs/mark.h
MARKS, MARK_BYTES = 128, 16  # docs/labs/mark.h


class Work:
    """What the machines of this grading executed, as the hypervisor tells at their end: a microsecond of work is a thousand
    instructions. A machine that a judge's watchdog ends (docs/labs/mark.h) tells, too. One that is ended since its log is full
    cannot, and counts as if it had lived as long. One that crashed or was ended from outside is not counted."""

    thousands = by_budget = silent = 0

    @classmethod
    def told(cls, text, log_full=False):
        """At the end of a machine, from its serial line."""
        found = re.findall(r"Dom0 has stopped: (\w+); (\d+) us of work", text)
        if log_full:
            found.append(("watchdog", 1000 * BUDGET))
        if not found:
            cls.silent += 1
            return
        reason, us = found[-1]
        cls.thousands += int(us)
        cls.by_budget += reason == "watchdog"

    @classmethod
    def all(cls):
        return {"instructions": 1000 * cls.thousands, "ended_by_budget": cls.by_budget, "not_counted": cls.silent}


class Points:
    """The points of a lab, printed as TAP, and for scripts/labs.py as JSON in the file that LAB_RESULTS names: so no
    output of the graded code can pass for a point."""

    def __init__(self):
        self.rows, self.broken = [], {}

    def setup(self, name, function):
        """What earns nothing and is needed by points: a build, a boot. Its trouble is told once."""
        try:
            function()
            return True
        except Failure as why:
            self.broken[name] = str(why)
            print("# %s: this did not work:\n# %s" % (name, str(why).replace("\n", "\n# ")), flush=True)
            return False

    def point(self, name, function, worth=1, needs=()):
        """A point, or some. `needs`: setups without which there is nothing to look at."""
        missing = [n for n in needs if n in self.broken]
        hint = missing and "not looked at, since this did not work: " + missing[0]
        if not hint:
            try:
                function()
            except Failure as why:
                hint = str(why)
        self.rows.append({"name": name, "score": 0 if hint else worth, "max": worth, "hint": hint or ""})
        print("%s %d - %s%s" % ("not ok" if hint else "ok", len(self.rows), name, "" if worth == 1 else " (%d points)" % worth))
        if hint and not missing:
            print("# " + hint.replace("\n", "\n# "))
        sys.stdout.flush()

    def end(self):
        print("1..%d" % len(self.rows))
        lost = any(r["score"] < r["max"] for r in self.rows)
        if os.environ.get("LAB_RESULTS"):
            with open(os.environ["LAB_RESULTS"], "w") as f:
                json.dump({"points": self.rows, "trouble": self.broken, "work": Work.all()}, f)
        sys.exit(lost)


class Judged(Machine):
    """A machine whose kernel may be the student's: that it stopped is told, and no fault of the grader's. At its end Dom0's shell is
    there, or it says nothing of its work."""

    power_off = "poweroff"  # the shell's command

    def __exit__(self, *what):
        try:
            if what[0] is None and self.process.poll() is None:
                self._ends()
            with open(self.log.name, errors="replace") as f:
                Work.told(f.read())
            super().__exit__(*what)
        except Failure as why:
            print("# %s" % why)

    def _ends(self):
        try:
            self.send(self.power_off + "\n")
            self.wait_end(END_SECONDS)
        except Failure:
            pass  # no verdict depends on it


def make(*targets):
    """Build in the graded tree; a compiler's complaint is the hint."""
    done = subprocess.run(["make", "--no-print-directory", "-j2", *targets], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    require(done.returncode == 0, "make %s fails:\n%s" % (" ".join(targets), "\n".join(done.stdout.splitlines()[-15:])))


def boot(image, *options, log=None, watched="", **environment):
    """Run a guest test's image as the only domain; returns all that came over the serial line. Ticks are instructions:
    the machine does the same whatever else the host does. `log`, `watched`: QEMU's log file, and the options that say of what."""
    setting = {"SECONDS_MAX": str(HANG), "ICOUNT": "1", **environment}
    limit = None
    if log:
        setting["DEVICES"] = "-D %s %s" % (log, watched)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LOG_BYTES, LOG_BYTES))  # noqa: E731
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        run = subprocess.Popen(["env", *("%s=%s" % s for s in setting.items()), "sh", "scripts/guest-test", image, *options],
                               stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, preexec_fn=limit,
                               start_new_session=True)
        while not ended(run):
            if is_full(log):
                os.killpg(run.pid, signal.SIGKILL)  # the log is full: nothing that decides comes any more
        out.seek(0)
        text = out.read().replace("\r", "")
    Work.told(text, is_full(log))
    return text


def is_full(log):
    return bool(log) and os.path.exists(log) and os.path.getsize(log) >= LOG_BYTES


def ended(process):
    try:
        process.wait(0.1)
        return True
    except subprocess.TimeoutExpired:
        return False


def symbols(image):
    """{name: address} of an image's symbols; a name that is there twice stands for its last."""
    done = subprocess.run(["nm", image], capture_output=True, text=True).stdout
    return {name: int(at, 16) for at, name in re.findall(r"^(\w+) \w (\S+)$", done, re.M)}


def judge_image(lab, kind, name="judge"):
    """Build a judge with the student's code in it, its marks (docs/labs/mark.h) at a place that nobody knows beforehand."""
    image = os.path.join(BUILD, "labs", lab, "%s-%s.elf" % (name, kind))
    for old in (image, os.path.join(BUILD, "labs", "mark-%s.o" % kind)):
        if os.path.exists(old):
            os.remove(old)
    make("LAB_PAD=%d" % random.SystemRandom().randrange(1, 4000), os.path.join(BUILD, "ringlet.elf"), image)
    return image


def student_code(lab, kind, image, name, symbol):
    """Where the code of the student's name.c is in a judge's image: (first, last) address. `symbol` is in it."""
    object_ = os.path.join(BUILD, "labs", lab, "%s-%s.o" % (name, kind))
    sections = subprocess.run(["size", "-A", object_], capture_output=True, text=True).stdout
    size = re.search(r"^\.text +(\d+)", sections, re.M)
    require(size and symbol in symbols(object_), "%s.c has no function %s" % (name, symbol))
    first = symbols(image)[symbol] - symbols(object_)[symbol]
    return first, first + int(size[1]) - 1


class Watch:
    """What QEMU logs of a run. `ranges`: {name: (first, last)}, addresses whose executed blocks are wanted; `image` has marks.

    After run(): `text` is what was printed, and `seen` is a list of (name, address, stepped), in the order of execution: a
    mark's name is its number. `stepped`: the trap flag was set, so that each instruction is a block."""

    def __init__(self, image, ranges=(), interrupts=False):
        self.image, self.seen, self.text = image, [], ""
        self.ranges = dict(ranges)
        marks = symbols(image.split()[0])["marks"]
        self.ranges["marks"] = (marks, marks + MARKS * MARK_BYTES - 1)
        self.interrupts = interrupts

    def run(self, *options, **environment):
        path = self.image.split()[0] + ".log"
        where = ",".join("0x%x..0x%x" % r for r in self.ranges.values())
        items = "exec,nochain" + (",int" if self.interrupts else "")
        self.text = boot(self.image, *options, log=path, watched="-d %s -dfilter %s" % (items, where), **environment)
        with open(path, errors="replace") as f:
            self._read(f)
        os.remove(path)
        return self

    def _read(self, lines):
        for line in lines:
            block = re.match(r"Trace \d+: \S+ \[\w+/(\w+)/(\w+)/", line)
            fault = not block and re.match(r" *\d+: v=(\w\w) e=(\w+) i=\d cpl=(\d) IP=\w+:(\w+) .*CR2=(\w+)", line)
            if block:
                self._block(int(block[1], 16), int(block[2], 16))
            elif fault:
                self.seen.append(("fault", tuple(int(v, 16) for v in fault.groups()), False))

    def _block(self, address, flags):
        for name, (first, last) in self.ranges.items():
            if first <= address <= last:
                self.seen.append(((address - first) // MARK_BYTES if name == "marks" else name, address, bool(flags & 0x100)))
                return

    def marks(self):
        """The numbers of the marks, in order."""
        return [name for name, _, _ in self.seen if isinstance(name, int)]


def require_success(text):
    """The output of boot() must be that of a guest test that reports success, on a machine that ended well."""
    verdict = re.findall(r"^(ok|not ok) 1\b[ -]*(.*)$", text, re.M)  # the last is guest_test.py's
    require(verdict and verdict[-1] == ("ok", ""),
            "the guest test says: %s" % (verdict[-1][1] if verdict else "nothing; its last words: " + text[-400:]))


def answers(path):
    """A file of answers: `question: word word ...` lines, `#` comments. {question: [words]}"""
    with open(path, errors="replace") as f:
        lines = [line.split("#")[0].strip() for line in f]
    found = {}
    for line in filter(None, lines):
        require(":" in line, "%s: %r is not of the form `question: answer`" % (path, line))
        question, answer = line.split(":", 1)
        require(question.strip() not in found, "%s: %s is answered twice" % (path, question.strip()))
        found[question.strip()] = answer.split()
    return found
