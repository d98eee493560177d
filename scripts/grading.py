# SPDX-License-Identifier: MIT
"""What the graders of docs/labs share. A grader runs from the top of the tree it grades, and every path here is
relative to that; scripts/labs.py sets that folder and the module path.

	from grading import Tap, answers, boot, make, require

A point is a Tap.step(): its name is fixed (the patches name it). What was measured goes into the hint, the text of
require(), which tells where to look rather than what to write.
"""

import re
import subprocess

from machine import Failure, Machine, Tap, require  # noqa: F401 (for the graders)

BUILD = "build"


def make(*targets):
    """Build in the graded tree; a compiler's complaint is the hint."""
    done = subprocess.run(["make", "--no-print-directory", "-j2", *targets], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    require(done.returncode == 0, "make %s fails:\n%s" % (" ".join(targets), "\n".join(done.stdout.splitlines()[-15:])))


def boot(image, *options, limit=60, **environment):
    """Run a guest test's image as the only domain; returns all that came over the serial line."""
    setting = ["%s=%s" % (name, value) for name, value in environment.items()]
    done = subprocess.run(["env", "SECONDS_MAX=%d" % limit, *setting, "sh", "scripts/guest-test", image, *options],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    return done.stdout.replace("\r", "")


def require_success(text):
    """The output of boot() must be that of a guest test that reports success, on a machine that ended well."""
    verdict = re.findall(r"^(ok|not ok) 1\b[ -]*(.*)$", text, re.M)  # the last is guest_test.py's
    require(verdict and verdict[-1] == ("ok", ""),
            "the guest test says: %s" % (verdict[-1][1] if verdict else "nothing; its last words: " + text[-400:]))


def answers(path):
    """A file of answers: `question: word word ...` lines, `#` comments. {question: [words]}"""
    with open(path) as f:
        lines = [line.split("#")[0].strip() for line in f]
    found = {}
    for line in filter(None, lines):
        require(":" in line, "%s: %r is not of the form `question: answer`" % (path, line))
        question, answer = line.split(":", 1)
        require(question.strip() not in found, "%s: %s is answered twice" % (path, question.strip()))
        found[question.strip()] = answer.split()
    return found
