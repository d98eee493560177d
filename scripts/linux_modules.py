#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kernel modules from a Debian package, with all that they depend on:

    linux_modules.py PACKAGE.deb OUT MODULE...

OUT gets the modules' files, and `list`: for mkcpio.py, with a file /modules/order that names them in an order in which they
can be loaded. A module names what it depends on, in depends=.
"""
import io
import os
import re
import subprocess
import sys
import tarfile

import tools


def read(package):
    """{name: contents} of all modules of the package; names have underscores."""
    data = tools.run("dpkg-deb", "--fsys-tarfile", package, stdout=subprocess.PIPE, text=False).stdout
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            name = os.path.basename(member.name)
            if name.endswith(".ko"):
                found[name[:-3].replace("-", "_")] = tar.extractfile(member).read()
    return found


def order(modules, name, done):
    """`name` and what it depends on, into the list `done`, each after what it needs."""
    if name in done:
        return
    if name not in modules:
        sys.exit("linux_modules: no module %s in the package" % name)
    depends = re.search(rb"\0depends=([^\0]*)\0", modules[name])
    for other in depends[1].decode().split(",") if depends else []:
        if other:
            order(modules, other.replace("-", "_"), done)
    done.append(name)


def main(package, out, *wanted):
    modules, done = read(package), []
    for name in wanted:
        order(modules, name, done)
    os.makedirs(out, exist_ok=True)
    for name in done:
        with open(os.path.join(out, name + ".ko"), "wb") as f:
            f.write(modules[name])
    with open(os.path.join(out, "order"), "w") as f:
        f.write("".join("/modules/%s.ko\n" % name for name in done))
    with open(os.path.join(out, "list"), "w") as f:
        f.write("# SPDX-License-Identifier: MIT\ndir /modules 755\n")
        f.write("".join("file /modules/%s 644 %s/%s\n" % (n, out, n) for n in ["order"] + [n + ".ko" for n in done]))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
