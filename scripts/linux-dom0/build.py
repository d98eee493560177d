#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The file system of a Linux Dom0 from Debian packages:  build.py KERNELS OUT

Downloads the packages of packages.txt and all that they need into OUT/deb, unpacks them into OUT/root (nothing is
installed, no maintainer script runs), adds the drivers of modules.txt from the kernel's package, which is in
the folder KERNELS, and packs the tree into
OUT/debian.cpio. OUT/modules is the list of drivers. What is already downloaded is kept.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
# pylint: disable=wrong-import-position
import debian_tree
import linux_modules
import tools
from tools import run


def add_modules(deb, root):
    """Drivers, so that modprobe finds them by name."""
    modules, done = linux_modules.read(deb), []
    for name in debian_tree.words(os.path.join(HERE, "modules.txt")):
        linux_modules.order(modules, name.replace("-", "_"), done)
    version = re.search(r"linux-image-([^_]+)_", os.path.basename(deb))[1]
    folder = os.path.join(root, "lib", "modules", version)
    os.makedirs(os.path.join(folder, "kernel"))
    for name in done:
        with open(os.path.join(folder, "kernel", name + ".ko"), "wb") as f:
            f.write(modules[name])
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        open(os.path.join(folder, name), "w").close()
    run("depmod", "-b", root, version)


def pack(root, archive):
    with open(archive + ".part", "wb") as f, tools.start("find", ".", "-print0", cwd=root, stdout=subprocess.PIPE) as names:
        run("cpio", "-0", "-o", "-H", "newc", "-R", "0:0", "--quiet", cwd=root, stdin=names.stdout, stdout=f)
    os.replace(archive + ".part", archive)


def main(kernels, out):
    out = os.path.abspath(out)
    kernel = [name for name in os.listdir(kernels) if re.match(r"linux-image-[0-9.-]+-amd64_", name)]
    if not kernel:
        sys.exit("build.py: no package linux-image-...-amd64 in %s" % kernels)
    os.makedirs(out, exist_ok=True)
    packages = debian_tree.words(os.path.join(HERE, "packages.txt"))
    count = debian_tree.make(packages, out, os.path.join(out, "deb"))
    root = os.path.join(out, "root")
    add_modules(os.path.join(kernels, max(kernel)), root)
    with open(os.path.join(out, "modules"), "w") as f:
        f.write("\n".join(debian_tree.words(os.path.join(HERE, "modules.txt"))) + "\n")
    pack(root, os.path.join(out, "debian.cpio"))
    print("  GUEST    %s: %d packages, %d MiB" % (os.path.join(out, "debian.cpio"), count,
                                               os.path.getsize(os.path.join(out, "debian.cpio")) >> 20))


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
