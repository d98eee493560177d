#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What stands around the graders of docs/labs (scripts/labs.py): starting copies give no solution away, every wrong solution
still fits, a student's version of the grader's files is not used, and what earns nothing is written first. No machine runs.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile

from machine import TOP, Tap, require

sys.path.insert(0, os.path.join(TOP, "scripts"))
import grading  # noqa: E402
import lab_reports  # noqa: E402
import lab_wrong  # noqa: E402
import labs  # noqa: E402
from lab_trees import (LECTURERS, apply, hide_other_solutions, lab_folders, lay_over, needed_by, start_patch,  # noqa: E402
                       students_files)

FEWEST_WRONG = 6
SEVEN = [f for f in lab_folders() if "/7-" in f][0]
CONSUMER = os.path.join(SEVEN, "consumer.c")


def write(folder, path, text):
    os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
    with open(os.path.join(folder, path), "w") as f:
        f.write(text)


def read(folder, path):
    path = os.path.join(folder, path)
    return open(path).read() if os.path.exists(path) else None


def no_solutions(place):
    every = set().union(*(students_files(lab) for lab in lab_folders()))
    for lab in lab_folders():
        given = os.path.join(place, os.path.basename(lab))
        for path in every:
            write(given, path, read(TOP, path))
        require(not apply(start_patch(lab), given), "%s/start.patch does not apply" % lab)
        hide_other_solutions(lab, given)
        for other in lab_folders():
            same = [p for p in students_files(other) if read(given, p) == read(TOP, p)]
            require(not same or needed_by(other, lab), "the starting copy of %s has %s's solution: %s" % (lab, other, same))


def wrong_ones_fit(place):
    for lab in lab_folders():
        found = lab_wrong.read(os.path.join(TOP, lab, "wrong.txt"))
        require(len(found) >= FEWEST_WRONG and any(w.quick for w in found), "%s has %d wrong solutions" % (lab, len(found)))
        for wrong in found:
            files = {p[0] for p in wrong.places}
            for path in files:
                write(place, path, read(TOP, path))
            wrong.apply(place)
            require(any(read(place, p) != read(TOP, p) for p in files), "%s changes nothing" % wrong.name)
            require(files <= students_files(lab), "%s: %s changes %s, which no student is asked to" % (lab, wrong.name, files))


def graders_files_stay(place):
    work, tree = os.path.join(place, "work"), os.path.join(place, "tree")
    theirs = [CONSUMER, "hypervisor/sched/idle.c", "notes.txt"]
    ours = [os.path.join(SEVEN, f) for f in ("judge.c", "grade.py", "lab.h", "lab.mk")] + [
        "docs/labs/mark.h", "tests/fw/fw.h", "tests/system/machine.py", "scripts/grading.py", "scripts/guest-test", "Makefile",
        "hypervisor/build.mk", "abi/gen.py", "build/ringlet.elf", ".git/hooks/x", "hypervisor/hypervisor.lds.S"]
    for path in theirs + ours:
        write(tree, path, "ours")
        write(work, path, "theirs")
    os.remove(os.path.join(work, "tests/fw/fw.h"))
    beyond, refused = lay_over(SEVEN, work, tree, set(theirs + ours))
    require(set(refused) == set(ours), "not used: %s" % refused)
    require(beyond == ["hypervisor/sched/idle.c", "notes.txt"], "to be looked at: %s" % beyond)
    require(all(read(tree, p) == "theirs" for p in theirs) and all(read(tree, p) == "ours" for p in ours), "the wrong files are there")
    for lab in lab_folders():
        judges = [f for f in students_files(lab) if LECTURERS.match(f) and (not f.startswith(lab + "/") or f.endswith((".py", ".mk")))]
        require(not judges, "%s asks the student for %s" % (lab, judges))


def zero_first(place):
    """A patch that fits nothing: the grading ends before anything is built."""
    write(place, "bad.patch", "--- a/%s\n+++ b/%s\n@@ -1,1 +1,1 @@\n-no such line\n+x\n" % (CONSUMER, CONSUMER))
    scope, room = os.path.join(place, "results", "results.json"), os.path.join(place, "result.json")
    done = subprocess.run([sys.executable, os.path.join(TOP, "scripts", "labs.py"), "grade", "7", "--patch", "bad.patch",
                           "--gradescope", scope, "--classroom50", room], cwd=place, capture_output=True, text=True)
    require(done.returncode == 1 and "does not fit the starting point" in done.stderr, done.stdout + done.stderr)
    tests = json.load(open(scope))["tests"]
    require([(t["score"], t["max_score"], t["status"]) for t in tests] == [(0, 1, "failed")], "Gradescope: %s" % tests)
    result = json.load(open(room))
    require((result["score"], result["max-score"], result["tests"][0]["passed"]) == (0, 1, False), "Classroom 50: %s" % result)


def forms(place):
    points = [{"name": "a", "score": 2, "max": 2, "hint": ""}, {"name": "b", "score": 0, "max": 3, "hint": "look there"}]
    scope, room = (make({"points": points, "notes": ["n"]}) for make in (lab_reports.gradescope, lab_reports.classroom50))
    require([sorted(t) for t in scope["tests"]] == [["max_score", "name", "output", "score", "status", "visibility"]] * 2, str(scope))
    require((room["schema"], room["score"], room["max-score"]) == ("classroom50/result/v1", 2, 5), str(room))
    require({"classroom", "assignment", "submission", "commit", "release", "review", "datetime", "tests"} <= set(room), str(room))

    class Opt:
        nonce, json = "k7x2", True
    line = json.loads(labs.last_line(SEVEN, points, [], labs.NO_WORK, Opt))
    require((line["nonce"], line["score"], line["max"]) == ("k7x2", 2, 5), str(line))
    Opt.json = False
    require(labs.last_line(SEVEN, points, [], labs.NO_WORK, Opt).endswith("2 of 5 points; the lines with # are hints [k7x2]"), "the last line")
    os.environ["NONCE"] = "k7x2"
    require("k7x2" not in str(labs.clean_environment()), "the graded code is told the nonce")


def work_is_told(place):
    """Of five machines: one ended well, three by their budget, one crashed. The student's code may print as the hypervisor does; the last
    line is the hypervisor's."""
    class Opt:
        nonce, json = "", True

    grading.Work.thousands = grading.Work.by_budget = grading.Work.silent = 0
    for text in ("(ringlet) Dom0 has stopped: poweroff; 250 us of work\n",
                 "(ringlet) Dom0: watchdog expired\n(ringlet) Dom0 has stopped: watchdog; 1000500 us of work\n",
                 "Dom0 has stopped: poweroff; 7 us of work\n(ringlet) Dom0 has stopped: watchdog; 1000250 us of work\n",
                 "(ringlet) Dom0 has stopped: crash\n"):
        grading.Work.told(text)
    grading.Work.told("Dom0 has stopped: poweroff; 7 us of work\n", log_full=True)
    results = os.path.join(place, "results")
    os.environ["LAB_RESULTS"] = results
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            grading.Points().end()
    except SystemExit:
        pass
    work = json.load(open(results))["work"]
    line = json.loads(labs.last_line(SEVEN, [], [], work, Opt))
    require((line["instructions"], line["ended_by_budget"], line["not_counted"]) == (3001000000, 3, 1), str(line))
    require(sorted(work) == sorted(labs.NO_WORK), "a grade that came to no end has other fields: %s" % labs.NO_WORK)
    notes = list(labs.told(work))
    require(len(notes) == 3 and "3001.0 million" in notes[0] and "budget" in notes[1] and notes[1].endswith(": 3 of its machines")
            and notes[2].endswith("not counted: 1 of its machines"), str(notes))
    require(not list(labs.told(labs.NO_WORK)), "it says something of no machine")


def main():
    tap = Tap()
    for name, step in (("starting copies hold no other lab's solution", no_solutions),
                       ("every wrong solution still fits", wrong_ones_fit),
                       ("the grader's own files are used, whatever the student did to them", graders_files_stay),
                       ("a grading that ends early has earned nothing", zero_first),
                       ("results have the form that is wanted", forms),
                       ("what machines executed is told, and which were ended by their budget", work_is_told)):
        with tempfile.TemporaryDirectory() as place:
            tap.step(name, lambda: step(place))
    tap.end()


if __name__ == "__main__":
    main()
