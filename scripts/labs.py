#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The labs of docs/labs: starting copies, grading, and the proof that the graders work.

  labs.py start N [DIR]                   make a student's starting copy
  labs.py grade N [--dir D] [--patch F]   grade this tree, or the starting point with the work of the tree D or of the patch F
        --json                            the last line is the result as JSON
        --nonce WORD                      the last line carries it, so that a forged last line is seen
        --gradescope FILE, --classroom50 FILE    write the result there too, in that form
  labs.py test N [--all] [--only NAME]    the solution earns all, the starting point nothing; a wrong solution (wrong.txt)
                                          loses what it should: those marked `quick`, all, or one
  labs.py patch N DIR                     rewrite start.patch from what was changed in DIR

A grader (docs/labs/N-*/grade.py) runs from the top of the tree that it grades (scripts/grading.py).
"""
import argparse, json, os, re, shutil, subprocess, sys, tempfile, time

import lab_reports
import lab_wrong
import tools
from lab_trees import (COPIES, TOP, apply, copy, differs, fail, hide_other_solutions, lab_folders, lay_over, not_source,
                       sources, start_patch, start_point, touched)

NO_WORK = {"instructions": 0, "ended_by_budget": 0, "not_counted": 0}
SECRET = ("wrong.txt", "start.patch")  # in a starting copy they would give solutions away


def folder(number):
    """docs/labs/N-name, relative to the top."""
    found = [f for f in lab_folders() if os.path.basename(f).split("-")[0] == number]
    if len(found) != 1:
        fail("there is no lab %r: say LAB=n, docs/labs/README.md lists them" % number)
    return found[0]


def is_project():
    """Is this the project, and not a starting copy?"""
    return any(os.path.exists(start_patch(lab)) for lab in lab_folders())


def clean_environment():
    """The environment without the make that may have started this program (a grader's make is its own), and without what the
    graded code must not know."""
    drop = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "NONCE", "LAB", "DIR", "PATCH", "JSON")
    env = {name: value for name, value in os.environ.items() if name not in drop}
    env["PYTHONPATH"] = os.pathsep.join(os.path.join(TOP, f) for f in ("scripts", "tests/system"))
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return env


def grade(lab, tree, show=False):
    """Run this tree's grader in `tree`: (points, work, both as scripts/grading.py has them; output). The points are None if it came to
    no end."""
    with tempfile.TemporaryDirectory() as outside:
        path = os.path.join(outside, "results")
        grader = subprocess.Popen([sys.executable, os.path.join(TOP, lab, "grade.py")], cwd=tree,
                                  env={**clean_environment(), "LAB_RESULTS": path}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        text = ""
        for line in grader.stdout:
            text += line
            if show:
                print(line, end="", flush=True)
        grader.wait()
        if not os.path.exists(path):
            return None, NO_WORK, text
        with open(path) as f:
            results = json.load(f)
        return results["points"], results["work"], text


def start(lab, to):
    if not is_project():
        fail("this is a starting copy itself; make others from the project")
    if os.path.exists(to):
        fail("%s is there already; move it away, or say DIR=another" % to)
    start_point(lab, to)
    hide_other_solutions(lab, to)
    for other in lab_folders():
        for name in SECRET:
            if os.path.exists(os.path.join(to, other, name)):
                os.remove(os.path.join(to, other, name))
    git = ["git", "-C", to, "-c", "user.name=lab", "-c", "user.email=lab@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "the starting point"], ["tag", "start"]):
        tools.run(*git, *command)
    number = os.path.basename(lab).split("-")[0]
    print("Lab %s starts in %s. Next:\n  cd %s\n  less %s/README.md       # what to do\n  make grade LAB=%s\n"
          "  git add -A && git diff --cached start > ../lab%s.patch      # what to hand in"
          % (number, to, to, lab, number, number))


def what_was_given(lab, to):
    """The sources that a student gets: no lab's solution is there."""
    shutil.copytree(TOP, to, symlinks=True, ignore=not_source)
    trouble = apply(start_patch(lab), to)
    if trouble:
        fail("%s/start.patch does not apply: %s" % (lab, trouble))
    hide_other_solutions(lab, to)


def handed_in(lab, work, patch, tree):
    """Make `tree`: the starting point with the student's work; returns what a person should look at."""
    with tempfile.TemporaryDirectory() as place:
        given = os.path.join(place, "given")
        what_was_given(lab, given)
        if patch:
            changed, work = touched(patch), os.path.join(place, "work")
            shutil.copytree(given, work, symlinks=True)
            trouble = apply(os.path.abspath(patch), work)
            if trouble:
                fail("%s does not fit the starting point: %s" % (patch, trouble))
        else:
            here = {p for p in sources(given) if os.path.basename(p) not in SECRET}
            changed = {p for p in here | sources(work) if differs(given, work, p)}
        start_point(lab, tree)
        beyond, refused = lay_over(lab, work, tree, changed)
    return (["to be looked at: also changed: %s" % " ".join(beyond)] if beyond else []) + \
           (["not used, since the grader has its own: %s" % " ".join(refused)] if refused else [])


def told(work):
    """Sentences about what the graded machines executed."""
    budget, lost = work["ended_by_budget"], work["not_counted"]
    if work["instructions"]:
        yield "its machines executed %.1f million instructions" % (work["instructions"] / 1e6)
    if budget:
        yield "ended by their budget, a second of instructions or 8 MiB of log, and counted as a second: %d of its machines" % budget
    if lost:
        yield "crashed or ended from outside, and so not counted: %d of its machines" % lost


def last_line(lab, points, notes, work, opt):
    name, nonce = os.path.basename(lab), opt.nonce or ""
    won, most = sum(p["score"] for p in points), sum(p["max"] for p in points)
    if opt.json:
        return json.dumps({"lab": name, "nonce": nonce, "score": won, "max": most, "points": points, "notes": notes, **work})
    return "%s: %d of %d points%s%s" % (name, won, most, "" if won == most else "; the lines with # are hints",
                                        " [%s]" % nonce if nonce else "")


def show_grade(lab, opt):
    reports = [(getattr(opt, kind), kind) for kind in lab_reports.FORMATS if getattr(opt, kind)]
    for path, kind in reports:
        lab_reports.write(path, kind, lab_reports.UNFINISHED)
    tree, notes = TOP, []
    if opt.patch or opt.dir:
        if not is_project():
            fail("this is a starting copy, which cannot grade others' work; the project can")
        tree = os.path.join(COPIES, "graded-" + os.path.basename(lab))
        notes = handed_in(lab, opt.dir and os.path.abspath(opt.dir), opt.patch, tree)
    for note in notes:
        print("# " + note)
    points, work, _ = grade(lab, tree, show=True)
    if points is None:
        points = lab_reports.UNFINISHED["points"]
    for note in told(work):
        notes.append(note)
        print("# " + note)
    for path, kind in reports:
        lab_reports.write(path, kind, {"points": points, "notes": notes})
    print(last_line(lab, points, notes, work, opt))
    sys.exit(any(p["score"] < p["max"] for p in points))


class Proof:
    """TAP: does the grader take the points that it should, and no others? One copy of the tree goes through all states, so
    that each builds only what differs from the one before."""

    def __init__(self, lab):
        self.lab, self.tree = lab, os.path.join(COPIES, "test-" + os.path.basename(lab).split("-")[0])
        self.count = self.failed = 0
        self.names = []

    def report(self, what, trouble, began=None, work=NO_WORK):
        self.count += 1
        self.failed += bool(trouble)
        took = " # %d s%s" % (time.monotonic() - began, "".join("; " + words for words in told(work))) if began else ""
        print("%s %d - %s%s" % ("not ok" if trouble else "ok", self.count, what, took), flush=True)
        if trouble:
            print("# " + trouble.replace("\n", "\n# "))

    def judge(self, what, wanted):
        """`wanted(names)`: which points are to be lost."""
        began = time.monotonic()
        points, work, text = grade(self.lab, self.tree)
        if points is None:
            return self.report(what, "the grader came to no end:\n" + text, began)
        self.names = [p["name"] for p in points]
        lost, want = {p["name"] for p in points if p["score"] < p["max"]}, wanted(self.names)
        self.report(what, lost != want and "%s\nlost, and should not be: %s\nnot lost: %s"
                    % (text, sorted(lost - want), sorted(want - lost)), began, work)

    def wrong(self, wrong):
        try:
            before = wrong.apply(self.tree)
        except (ValueError, OSError) as why:
            return self.report("wrong: " + wrong.name, "it no longer fits the solution: %s" % why)
        try:
            self.judge("wrong: %s" % wrong.name, wrong.lost)
        except ValueError as why:
            self.report("wrong: " + wrong.name, str(why))
        lab_wrong.restore(self.tree, before)

    def run(self, which):
        copy(self.tree)
        self.judge("the solution earns every point", lambda names: set())
        for wrong in which:
            self.wrong(wrong)
        trouble = apply(start_patch(self.lab), self.tree)
        if trouble:
            self.report("the starting point earns nothing", "start.patch no longer applies: %s\nmake the change in a copy by "
                        "hand, then: python3 scripts/labs.py patch N COPY" % trouble)
        else:
            self.judge("the starting point earns nothing", set)
        print("1..%d" % self.count)
        shutil.rmtree(self.tree, ignore_errors=True)
        sys.exit(self.failed != 0)


def test(lab, every, only):
    which = lab_wrong.read(os.path.join(TOP, lab, "wrong.txt"))
    if only:
        which = [w for w in which if w.name in only.split(",")] or fail("%s/wrong.txt has no %s" % (lab, only))
    elif not every:
        which = [w for w in which if w.quick]
    Proof(lab).run(which)


def write_patch(lab, changed):
    """docs/labs/N-*/start.patch: from this source to `changed`; its text is kept."""
    path, base = start_patch(lab), os.path.join(COPIES, "base")
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(TOP, os.path.join(base, "a"), symlinks=True, ignore=not_source)
    os.symlink(os.path.abspath(changed), os.path.join(base, "b"))
    leave_out = [w for name in (".git", ".cache", "__pycache__", "build", "*.patch", "wrong.txt") for w in ("-x", name)]
    diff = subprocess.run(["diff", "-ruN"] + leave_out + ["a", "b"], cwd=base, capture_output=True, text=True).stdout
    diff = re.sub(r"^diff -ruN.*\n", "", diff, flags=re.M)
    diff = re.sub(r"^(---|\+\+\+) (\S+)\t(\S+) .*$",
                  lambda m: "%s %s" % (m[1], "/dev/null" if m[3] == "1970-01-01" else m[2]), diff, flags=re.M)
    head = open(path).read().split("\n--- ")[0] + "\n" if os.path.exists(path) else "What this patch is.\n"
    with open(path, "w") as f:
        f.write(head + diff)
    shutil.rmtree(base)
    print("%s: %d files" % (os.path.relpath(path, TOP), len(re.findall(r"^--- ", diff, re.M))))


def arguments():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = args.add_subparsers(dest="command", required=True)
    for name in ("start", "grade", "test", "patch"):
        commands.add_parser(name).add_argument("lab")
    commands.choices["start"].add_argument("dir", nargs="?")
    for option in ("dir", "patch", "nonce", *lab_reports.FORMATS):
        commands.choices["grade"].add_argument("--" + option)
    commands.choices["grade"].add_argument("--json", action="store_true")
    commands.choices["test"].add_argument("--all", action="store_true")
    commands.choices["test"].add_argument("--only")
    commands.choices["patch"].add_argument("dir")
    return args.parse_args()


def main():
    opt = arguments()
    lab = folder(opt.lab)
    if opt.command == "start":
        start(lab, os.path.abspath(opt.dir or "%s-lab%s" % (TOP, opt.lab)))
    elif opt.command == "test":
        test(lab, opt.all, opt.only)
    elif opt.command == "patch":
        write_patch(lab, opt.dir)
    else:
        show_grade(lab, opt)


if __name__ == "__main__":
    main()
