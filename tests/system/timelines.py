#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The single-stepper behind the ring timelines: one system call on the bare machine and one in a pv64 guest go
through the rings in the order that the design says, by ways in, and every instruction is attributed.
"""

import json
import os
import re
import subprocess

from machine import BUILD, TOP, Failure, Tap, require

OUT = os.path.join(BUILD, "tests", "timelines.json")
ORDER = {
    "native32": [("application", 3), ("kernel", 0), ("application", 3)],
    "pv64": [("application", 3), ("hypervisor", 0), ("kernel", 3), ("hypervisor", 0), ("application", 3)],
}


def step_both(made):
    line = "python3 scripts/report/timelines.py -o %s %s" % (OUT, " ".join(ORDER))
    done = subprocess.run(["script", "-qec", line, "/dev/null"], cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=500, check=False)
    if done.returncode:
        raise Failure(done.stdout + done.stderr)
    require("[0/2] native32" in done.stdout and re.search(r"\[1/2\].* pv64", done.stdout), "how far it is: %r" % done.stdout)
    with open(OUT, encoding="utf-8") as file:
        made.update({t["arrangement"]: t for t in json.load(file)["timelines"]})
    require(set(made) == set(ORDER), "timelines of %s" % sorted(made))


def order(made, name):
    segments = made[name]["segments"]
    require([(s["who"], s["ring"]) for s in segments] == ORDER[name], "%s" % segments)
    for s in segments:
        entry = "int 0x80" if name.endswith("32") else "syscall"
        require(s["symbol"] == entry if s["who"] == "application" else s["symbol"].endswith("_entry"),
                "%s begins in %s, which is no way in" % (s["who"], s["symbol"]))


def complete(made, name):
    at = 0
    for s in made[name]["segments"]:
        require(s["start"] == at < s["end"], "a gap before %s" % s)
        at = s["end"]
        counted = sum(f["instructions"] for f in s["functions"])
        require(counted == s["end"] - s["start"], "%d in the functions of %s" % (counted, s))
    require(at == made[name]["instructions"] == min(made[name]["rounds"]), "the length is not the sum")


def main():
    tap = Tap()
    made = {}
    if tap.step("both are stepped from the system call to the instruction behind it", lambda: step_both(made)):
        for name in ORDER:
            tap.step("%s: the rings in their order, by the entry points" % name, lambda n=name: order(made, n))
            tap.step("%s: every instruction belongs to somebody" % name, lambda n=name: complete(made, n))
    tap.end()


if __name__ == "__main__":
    main()
