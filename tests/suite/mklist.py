#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the suite adds to the root file system, as a list for dom0-tools/mkcpio.py, on the standard output.

    mklist.py OUT WORD-SIZE ROOT       OUT as in build.sh; below ROOT, usr/ has musl
"""
import glob
import os
import sys

OUT, WORD, ROOT = sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.join(OUT, "src")
made = set()


def add(path, source, mode="644"):
    directory = os.path.dirname(path)
    missing = []
    while directory not in made and directory not in ("/", "/usr", "/usr/bin"):
        missing.insert(0, directory)
        made.add(directory)
        directory = os.path.dirname(directory)
    for d in missing:
        print("dir", d, "755")
    print("file", path, mode, source)


def tree(path, source):
    for directory, _, names in sorted(os.walk(source)):
        for name in sorted(names):
            full = os.path.join(directory, name)
            add(os.path.join(path, os.path.relpath(full, source)), full, "755" if os.access(full, os.X_OK) else "644")


for program in ("lua", "sqlite3", "tcc"):
    add("/usr/bin/" + program, os.path.join(OUT, WORD, program), "755")
# What tcc links with and includes.
tree("/usr/lib", os.path.join(OUT, WORD, "musl"))
tree("/usr/include", glob.glob(os.path.join(ROOT, "usr/include/*86*-linux-musl"))[0])
add("/usr/lib/tcc/libtcc1.a", os.path.join(OUT, WORD, "tcc-build/libtcc1.a"))
tree("/usr/lib/tcc/include", os.path.join(SRC, "tcc/include"))
# The tests.
tree("/suite", os.path.join(HERE, "kernel"))
for path in sorted(glob.glob(os.path.join(SRC, "tcc/tests/tests2/*.[che]*"))):
    add("/suite/tcc/" + os.path.basename(path), path)
tree("/suite/busybox/testsuite", os.path.join(SRC, "busybox/testsuite"))
add("/suite/busybox/.config", os.path.join(SRC, "busybox/debian/config/pkg/static"))
