# SPDX-License-Identifier: MIT
"""Programs of the build machine, called from Python. Those of administrators are found too, since an ordinary user of Debian has
no /usr/sbin in PATH. One that is missing or fails ends the script with one line that says what mends it.
"""
import os
import shutil
import subprocess
import sys

os.environ["PATH"] += ":/usr/sbin:/sbin"

# Where a package is not called like its program.
PACKAGES = {"apt-get": "apt", "debugfs": "e2fsprogs", "depmod": "kmod", "dpkg-deb": "dpkg", "e2fsck": "e2fsprogs", "find": "findutils",
            "ldconfig": "libc-bin", "mke2fs": "e2fsprogs", "qemu-system-x86_64": "qemu-system-x86"}


def missing(program):
    package = PACKAGES.get(program, program)
    sys.exit("%s: the program %s is missing; Debian's package %s has it: sh scripts/setup.sh %s" % (
        os.path.basename(sys.argv[0]), program, package, package))


def path(program):
    return shutil.which(program) or missing(program)


def failed(command, code):
    """-N: by signal N."""
    sys.exit("%s: `%s` failed (%d)" % (os.path.basename(sys.argv[0]), " ".join(command)[:200], code))


def run(*command, **more):
    """As subprocess.run(), which must succeed; text unless it is told otherwise."""
    done = subprocess.run([path(command[0]), *command[1:]], check=False, **{"text": True, **more})
    if done.returncode:
        sys.stderr.write(done.stderr if isinstance(done.stderr, str) else "")
        failed(command, done.returncode)
    return done


def start(*command, **more):
    """As subprocess.Popen()."""
    return subprocess.Popen([path(command[0]), *command[1:]], **more)
