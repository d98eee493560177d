#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The labs of docs/labs: starting copies, grading, and the proof that the graders work.

  labs.py start N [DIR]                   make a student's starting copy
  labs.py grade N [--dir D] [--patch F]   grade this tree, the tree D, or the starting point with F applied
  labs.py test N                          the solution passes; start.patch and wrong.patch fail where they say
  labs.py patch N start|wrong DIR         rewrite that patch from what was changed in DIR

A grader (docs/labs/N-*/grade.py) runs from the top of the tree that it grades and prints TAP; each line is a point. The
text above the first `---` of a patch says what it is and, in lines `Fails: POINT`, exactly which points it must lose.
"""
import argparse, glob, os, re, shutil, subprocess, sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPIES = os.path.join(TOP, "build", "labs")
# Of build/ a copy takes what makes compiling incremental, and the small images.
BUILD_KEEP = ("abi", "hypervisor", "guest", "dom0-tools", "dom0-tools32", "i386", "tests/fw", "*.elf", "dom0.cpio",
              "dom0-32.cpio")
NOT_SOURCE = shutil.ignore_patterns(".git", ".cache", "__pycache__", "build")
PATCHES = ("start.patch", "wrong.patch")


def fail(text):
    sys.exit("labs: " + text)


def folder(number):
    """docs/labs/N-name, relative to the top."""
    found = glob.glob(os.path.join(TOP, "docs", "labs", "%s-*" % number))
    if len(found) != 1:
        fail("there is no lab %r: say LAB=n, docs/labs/README.md lists them" % number)
    return os.path.relpath(found[0], TOP)


def copy(to):
    """The source, and what is built, with the times of the files, so that make finds nothing to do."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(TOP, to, symlinks=True, ignore=NOT_SOURCE)
    build = os.path.join(TOP, "build")
    for pattern in BUILD_KEEP:
        for path in glob.glob(os.path.join(build, pattern)):
            target = os.path.join(to, "build", os.path.relpath(path, build))
            if os.path.isdir(path):
                shutil.copytree(path, target, symlinks=True)
            else:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(path, target)


def apply(patch, tree):
    """None, or what `patch` said when it did not apply."""
    done = subprocess.run(["patch", "-p1", "--forward", "-E", "--no-backup-if-mismatch", "-r", "-", "-i", patch],
                          cwd=tree, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip() if done.returncode else None


def clean_environment():
    """The environment without the make that may have started this program: a grader's make is its own."""
    drop = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
    env = {name: value for name, value in os.environ.items() if name not in drop}
    env["PYTHONPATH"] = os.pathsep.join(os.path.join(TOP, f) for f in ("scripts", "tests/system"))
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return env


def grade(lab, tree, show=False):
    """Run this tree's grader in `tree`: {point: passed}, and its output."""
    grader = subprocess.Popen([sys.executable, os.path.join(TOP, lab, "grade.py")], cwd=tree, env=clean_environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")
    lines = []
    for line in grader.stdout:
        lines.append(line)
        if show:
            print(line, end="", flush=True)
    code, text = grader.wait(), "".join(lines)
    points = {m[2]: m[1] == "ok" for m in re.finditer(r"^(ok|not ok) \d+ - (.*)$", text, re.M)}
    plan = re.search(r"^1\.\.(\d+)$", text, re.M)
    if not plan or int(plan[1]) != len(points) or (code == 0) != all(points.values()):
        points["the grader came to its end"] = False
    return points, text


def start_point(lab, to):
    copy(to)
    trouble = apply(os.path.join(TOP, lab, "start.patch"), to)
    if trouble:
        fail("%s/start.patch does not apply: %s" % (lab, trouble))


def start(lab, to):
    if not os.path.exists(os.path.join(TOP, lab, "start.patch")):
        fail("this is a starting copy itself; make others from the project")
    if os.path.exists(to):
        fail("%s is there already; move it away, or say DIR=another" % to)
    start_point(lab, to)
    for patch in PATCHES:  # they would give the solutions away
        for path in glob.glob(os.path.join(to, "docs", "labs", "*", patch)):
            os.remove(path)
    git = ["git", "-C", to, "-c", "user.name=lab", "-c", "user.email=lab@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "the starting point"], ["tag", "start"]):
        subprocess.run(git + command, check=True)
    number = os.path.basename(lab).split("-")[0]
    print("Lab %s starts in %s. Next:\n  cd %s\n  less %s/README.md       # what to do\n  make grade LAB=%s\n"
          "  git add -A && git diff --cached start > ../lab%s.patch      # what to hand in"
          % (number, to, to, lab, number, number))


def show_grade(lab, tree):
    points, _ = grade(lab, tree, show=True)
    won = sum(points.values())
    print("%s: %d of %d points%s" % (os.path.basename(lab), won, len(points),
                                     "" if won == len(points) else "; the lines with # are hints"))
    sys.exit(won != len(points))


def touched(patch):
    """The files that a patch changes, makes or removes."""
    with open(patch) as f:
        return set(re.findall(r"^(?:---|\+\+\+) [ab]/(\S+)", f.read(), re.M))


def grade_patch(lab, patch):
    beyond = sorted(touched(patch) - touched(os.path.join(TOP, lab, "start.patch")))
    if beyond:  # cheating, or a good idea
        print("# to be looked at: the patch also changes %s" % " ".join(beyond))
    to = os.path.join(COPIES, "graded-" + os.path.basename(lab))
    start_point(lab, to)
    trouble = apply(os.path.abspath(patch), to)
    if trouble:
        fail("%s does not fit the starting point: %s" % (patch, trouble))
    show_grade(lab, to)


def wanted_failures(patch):
    """The points that the text above a patch names."""
    with open(patch) as f:
        return set(re.findall(r"^Fails: (.*)$", f.read().split("\n--- ")[0], re.M))


def test(lab):
    """TAP. One copy goes through the three states, each built from the one before."""
    tree = os.path.join(COPIES, "test-" + os.path.basename(lab).split("-")[0])
    failed = 0

    def judge(number, what, patch):
        nonlocal failed
        path = patch and os.path.join(TOP, lab, patch)
        trouble = path and apply(path, tree)
        if trouble:
            text = "%s/%s no longer applies: %s\nmake the change in a copy by hand, then: " % (lab, patch, trouble)
            text += "python3 scripts/labs.py patch %s %s COPY" % (os.path.basename(lab).split("-")[0], patch[:-6])
        else:
            points, text = grade(lab, tree)
            lost, wanted = {p for p, ok in points.items() if not ok}, wanted_failures(path) if path else set()
            trouble = not points or lost != wanted or (path and not wanted)
            text += "\nlost: %s\nto be lost: %s" % (sorted(lost), sorted(wanted))
        failed += bool(trouble)
        print("%s %d - %s" % ("not ok" if trouble else "ok", number, what), flush=True)
        if trouble:
            print("# " + text.replace("\n", "\n# "))

    copy(tree)
    judge(1, "the solution passes", None)
    judge(2, "the starting point fails where it should", "start.patch")
    judge(3, "the wrong solution fails where it should", "wrong.patch")
    print("1..3")
    shutil.rmtree(tree, ignore_errors=True)
    sys.exit(failed != 0)


def write_patch(lab, which, changed):
    """docs/labs/N-*/which.patch: from this source (wrong: from the starting point) to `changed`; its text is kept."""
    path, base = os.path.join(TOP, lab, which + ".patch"), os.path.join(COPIES, "base")
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(TOP, os.path.join(base, "a"), symlinks=True, ignore=NOT_SOURCE)
    os.symlink(os.path.abspath(changed), os.path.join(base, "b"))
    trouble = which == "wrong" and apply(os.path.join(TOP, lab, "start.patch"), os.path.join(base, "a"))
    if trouble:
        fail("first renew start.patch, which does not apply: " + trouble)
    leave_out = [w for name in (".git", ".cache", "__pycache__", "build", "*.patch") for w in ("-x", name)]
    diff = subprocess.run(["diff", "-ruN"] + leave_out + ["a", "b"], cwd=base, capture_output=True, text=True).stdout
    diff = re.sub(r"^diff -ruN.*\n", "", diff, flags=re.M)
    diff = re.sub(r"^(---|\+\+\+) (\S+)\t(\S+) .*$",
                  lambda m: "%s %s" % (m[1], "/dev/null" if m[3] == "1970-01-01" else m[2]), diff, flags=re.M)
    head = "What this patch is.\nFails: POINT\n"
    if os.path.exists(path):
        head = open(path).read().split("\n--- ")[0] + "\n"
    with open(path, "w") as f:
        f.write(head + diff)
    shutil.rmtree(base)
    print("%s.patch: %d files" % (os.path.join(lab, which), len(re.findall(r"^--- ", diff, re.M))))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = args.add_subparsers(dest="command", required=True)
    for name in ("start", "grade", "test", "patch"):
        commands.add_parser(name).add_argument("lab")
    commands.choices["start"].add_argument("dir", nargs="?")
    commands.choices["grade"].add_argument("--dir", default=TOP)
    commands.choices["grade"].add_argument("--patch")
    commands.choices["patch"].add_argument("which", choices=("start", "wrong"))
    commands.choices["patch"].add_argument("dir")
    opt = args.parse_args()
    lab = folder(opt.lab)
    if opt.command == "start":
        start(lab, os.path.abspath(opt.dir or "%s-lab%s" % (TOP, opt.lab)))
    elif opt.command == "test":
        test(lab)
    elif opt.command == "patch":
        write_patch(lab, opt.which, opt.dir)
    elif opt.patch:
        grade_patch(lab, opt.patch)
    else:
        show_grade(lab, os.path.abspath(opt.dir))


if __name__ == "__main__":
    main()
