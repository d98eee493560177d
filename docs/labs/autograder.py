#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Grades a lab where grades are collected. docs/labs/README.md says how it is set up there.

  autograder.py                Classroom 50: in the student's checkout; writes ./result.json
  autograder.py --gradescope   Gradescope: writes /autograder/results/results.json for /autograder/submission

The project of the lecturer is where RINGLET says, or in the folder `ringlet` beside this file. The lab is LAB, or the number
that the name of the assignment has. What is handed in is one *.patch, or a whole starting copy.
"""

import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RINGLET = os.environ.get("RINGLET") or os.path.join(HERE, "ringlet")


def lab():
    found = os.environ.get("LAB") or re.search(r"\d+", os.environ.get("ASSIGNMENT", ""))
    if not found:
        sys.exit("autograder: which lab? Set LAB, or call the assignment lab3")
    return found if isinstance(found, str) else found[0]


def main():
    gradescope = sys.argv[1:] == ["--gradescope"]
    work = "/autograder/submission" if gradescope else os.getcwd()
    result = ["--gradescope", "/autograder/results/results.json"] if gradescope else ["--classroom50", os.path.join(work, "result.json")]
    patches = glob.glob(os.path.join(work, "*.patch"))
    given = ["--patch", patches[0]] if len(patches) == 1 else ["--dir", work]
    done = subprocess.run([sys.executable, os.path.join(RINGLET, "scripts", "labs.py"), "grade", lab(), *given, *result],
                          cwd=work if os.path.isdir(work) else None)
    return 0 if done.returncode in (0, 1) else done.returncode  # 1: points are missing, which the result says


if __name__ == "__main__":
    sys.exit(main())
