#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 7: judge.c sends the event between every two instructions of the consumer; the scenes are its own."""

import os
import re
import subprocess

from grading import BUILD, Tap, boot, make, require

LAB = os.path.join(BUILD, "labs", "7-lost-wake-up")
SCENES = {"upcall": "an item that comes during the upcall is delivered too",
          "sleep": "no item finds the consumer asleep for ever",
          "leave": "an item that comes while events are masked is delivered at once"}


def place(image, address):
    """`function, file:line` of an instruction."""
    done = subprocess.run(["addr2line", "-f", "-s", "-e", image, address], capture_output=True, text=True)
    return ", ".join(done.stdout.split("\n")[:2])


def judge(kind):
    image = os.path.join(LAB, "judge-%s.elf" % kind)
    make(os.path.join(BUILD, "ringlet.elf"), image)
    # Ticks are instructions: what the watchdog calls long is the same everywhere.
    text = boot(image, limit=25, ICOUNT=1)
    return re.sub(r"before ([0-9a-f]{8,16})\b", lambda m: "before %s (%s)" % (m[1], place(image, m[1])), text)


def scene(text, name):
    if re.search(r"^SCENE %s held at \d+ places$" % name, text, re.M):
        return
    trouble = re.search(r"^failure: %s: (.*)$" % name, text, re.M) or re.search(r"RESULT error (.*)$", text, re.M)
    require(False, trouble[1] if trouble else "the guest came to no end, or did not reach this scene: " + text[-300:])


def main():
    tap = Tap()
    for kind in ("pv64", "pv32"):
        said = [""]
        tap.step("%s: the consumer can be built and run" % kind, lambda k=kind, s=said: s.append(judge(k)))
        for name, what in SCENES.items():
            tap.step("%s: %s" % (kind, what), lambda s=said, n=name: scene(s[-1], n))
    tap.end()


if __name__ == "__main__":
    main()
