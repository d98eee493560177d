# SPDX-License-Identifier: MIT
"""Trees for the labs: copies of the project, starting points, and a student's work laid over a starting point."""

import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys

import tools

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPIES = os.path.join(TOP, "build", "labs")
# Of build/ a copy takes what makes compiling incremental, and the small images; large ones that no lab changes are the same files.
BUILD_KEEP = ("abi", "hypervisor", "guest", "dom0-tools", "dom0-tools32", "i386", "tests/fw", "*.elf", "dom0.cpio",
              "dom0-32.cpio")
BUILD_SAME = ("guests/vmlinux", "linux-dom0/dom0.cpio")
# The lecturer's: what builds, runs and judges. A student's version of it is not used.
LECTURERS = re.compile(r"(docs/labs|tests/fw|tests/system|scripts)/|(.*/)?(Makefile|[^/]+\.(mk|lds\.S|py|sh))$|build/|\.")


def fail(text):
    sys.exit("labs: " + text)


def not_source(folder, names):
    """What a copy of the project leaves out, for shutil.copytree()."""
    return {n for n in names if n in (".git", ".cache", "__pycache__") or (n in ("build", "share") and folder == TOP)}


def lab_folders():
    """docs/labs/N-name of all labs, relative to the top, in order."""
    found = glob.glob(os.path.join(TOP, "docs", "labs", "[0-9]*-*"))
    return sorted((os.path.relpath(f, TOP) for f in found), key=lambda f: int(os.path.basename(f).split("-")[0]))


def copy(to):
    """The source, and what is built, with the times of the files, so that make finds nothing to do."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(TOP, to, symlinks=True, ignore=not_source)
    build = os.path.join(TOP, "build")
    for pattern in BUILD_KEEP:
        for path in glob.glob(os.path.join(build, pattern)):
            target = os.path.join(to, "build", os.path.relpath(path, build))
            if os.path.isdir(path):
                shutil.copytree(path, target, symlinks=True)
            else:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(path, target)
    for name in BUILD_SAME:
        if os.path.exists(os.path.join(build, name)):
            os.makedirs(os.path.dirname(os.path.join(to, "build", name)), exist_ok=True)
            os.link(os.path.join(build, name), os.path.join(to, "build", name))


def apply(patch, tree, *options):
    """None, or what `patch` said when it did not apply."""
    done = subprocess.run([tools.path("patch"), "-p1", "--forward", "-E", "--no-backup-if-mismatch", "-r", "-", *options, "-i", patch],
                          cwd=tree, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip() if done.returncode else None


def touched(patch):
    """The files that a patch changes, makes or removes."""
    with open(patch, errors="replace") as f:
        return set(re.findall(r"^(?:---|\+\+\+) [ab]/(\S+)", f.read(), re.M))


def start_patch(lab):
    return os.path.join(TOP, lab, "start.patch")


def students_files(lab):
    """What the lab asks the student to change or make: what start.patch takes away."""
    return touched(start_patch(lab))


def start_point(lab, to):
    """The project without the part that the student writes."""
    copy(to)
    trouble = apply(start_patch(lab), to)
    if trouble:
        fail("%s/start.patch does not apply: %s" % (lab, trouble))


def needed_by(lab, other):
    """Does `other` need the solution of `lab`? The text above its start.patch says `Needed by lab N`."""
    with open(start_patch(lab)) as f:
        numbers = re.findall(r"Needed by lab (\d+)", f.read().split("\n--- ")[0])
    return os.path.basename(other).split("-")[0] in numbers


def hide_other_solutions(lab, tree):
    """Take the other labs' solutions out too, but those that this lab needs."""
    for other in lab_folders():
        if other != lab and not needed_by(other, lab):
            trouble = apply(start_patch(other), tree)
            if trouble:
                fail("%s/start.patch does not apply beside that of %s: %s" % (other, lab, trouble))


def sources(tree):
    """Files of a tree that could be somebody's work, relative to its top."""
    found = set()
    for folder, folders, files in os.walk(tree):
        relative = os.path.relpath(folder, tree)
        folders[:] = [f for f in folders if f != "__pycache__" and not f.startswith(".") and
                      not (relative == "." and f in ("build", "share"))]
        found.update(os.path.normpath(os.path.join(relative, f)) for f in files)
    return found


def differs(tree, work, path):
    a, b = (os.path.join(t, path) for t in (tree, work))
    if os.path.isfile(a) and os.path.isfile(b):
        return not filecmp.cmp(a, b, shallow=False)
    return os.path.lexists(a) != os.path.lexists(b)


def take(path, source, tree):
    """Make `path` in `tree` what it is in `source`: there or not."""
    to, origin = os.path.join(tree, path), os.path.join(source, path)
    if os.path.islink(origin) or os.path.islink(to):
        return
    if os.path.isfile(origin):
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(origin, to)
    elif os.path.isfile(to):
        os.remove(to)


def lay_over(lab, work, tree, changed):
    """Put the student's version of the `changed` files into the starting point `tree`, but for what is the lecturer's.
    Returns (changed beyond what the lab asks for, not used)."""
    asked = students_files(lab)
    refused = sorted(p for p in changed - asked if LECTURERS.match(p))
    for path in sorted(changed - set(refused)):
        take(path, work, tree)
    return sorted(changed - asked - set(refused)), refused
