#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 7: judge.c sends an event between every two instructions of the consumer. What held is told by the judge's marks, and
QEMU's log shows whether the consumer was stepped through and interrupted at each place.
"""

import re
import subprocess

from grading import Points, Watch, judge_image, require, student_code

LAB = "7-lost-wake-up"
SCENES = (("upcall", "an item that comes during the upcall is delivered too", 2),
          ("sleep", "no item finds the consumer asleep for ever", 3),
          ("leave", "an item that comes while events are masked is delivered at once", 3),
          ("other", "a wake-up that brings no item does not end the wait", 2))
INJECTED, FEWEST = 64, 4  # instructions: no consumer has less


def place(image, address):
    """`function, file:line` of an instruction."""
    done = subprocess.run(["addr2line", "-f", "-s", "-e", image, address], capture_output=True, text=True)
    return ", ".join(done.stdout.split("\n")[:2])


def judge(kind):
    image = judge_image(LAB, kind)
    return Watch(image, {"consumer": student_code(LAB, kind, image, "consumer", "consumer_take")}).run()


def places(seen, number):
    """Of a scene that held: (the instructions stepped through, those before which an event came)."""
    names = [s[0] for s in seen]
    stepped, hit, sent = set(), set(), False
    for name, address, flag in seen[names.index(2 * number):names.index(2 * number + 1)]:
        if name == INJECTED:
            sent = True
        elif name == "consumer" and flag:
            stepped.add(address)
            sent = False
        elif name == "consumer" and sent:
            hit.add(address)
    return stepped, hit


def scene(watched, number):
    name = SCENES[number][0]
    if watched.marks().count(2 * number + 1) == 1:
        stepped, hit = places(watched.seen, number)
        require(len(stepped) >= FEWEST and stepped <= hit, "%d instructions of yours were executed, and an event came before "
                "%d of them: the judge did not run as it should" % (len(stepped), len(stepped & hit)))
        return
    text = re.sub(r"before ([0-9a-f]{8,16})\b", lambda m: "before %s (%s)" % (m[1], place(watched.image, m[1])), watched.text)
    trouble = re.search(r"^failure: %s: (.*)$" % name, text, re.M) or re.search(r"RESULT error (.*)$", text, re.M)
    require(False, trouble[1] if trouble else "the guest came to no end, or did not reach this scene: " + text[-300:])


def main():
    points = Points()
    for kind in ("pv64", "pv32"):
        built = "%s: the consumer can be built and run" % kind
        watched = []
        points.setup(built, lambda k=kind, w=watched: w.append(judge(k)))
        for number, (_, what, worth) in enumerate(SCENES):
            points.point("%s: %s" % (kind, what), lambda w=watched, n=number: scene(w[0], n), worth, [built])
    points.end()


if __name__ == "__main__":
    main()
