# SPDX-License-Identifier: MIT
"""Trees of files from Debian packages, made without root's rights: packages are downloaded and unpacked, nothing is installed,
no maintainer script runs. What is already downloaded is kept.
"""
import fnmatch
import os
import re
import shutil
import subprocess
import sys

import tools
from tools import run

USELESS = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/bash-completion",
           "usr/share/lintian", "usr/include"]
MERGED = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]


def words(name):
    """The words of a list, without comments."""
    with open(name) as f:
        return [w for line in f for w in line.split("#")[0].split()]


def closure(packages, out):
    """File names of the packages and of what they need, for a machine on which nothing is installed."""
    empty = os.path.join(out, "empty")
    os.makedirs(os.path.join(empty, "partial"), exist_ok=True)
    open(os.path.join(empty, "status"), "w").close()
    answer = run("apt-get", "-o", "Dir::State::status=%s/status" % empty, "-o", "Dir::Cache::archives=%s/" % empty,
                 "-o", "APT::Install-Recommends=false", "--print-uris", "-qq", "-y", "install", *packages,
                 stdout=subprocess.PIPE).stdout
    return re.findall(r"^'[^']*' (\S+\.deb) ", answer, re.M)


def download(files, folder):
    """Into `folder`, what is not there; the packages' paths."""
    os.makedirs(folder, exist_ok=True)
    missing = []
    for name in files:
        package, version, _ = name.split("_")
        if not os.path.exists(os.path.join(folder, name)):
            missing.append("%s=%s" % (package, version.replace("%3a", ":")))
    if missing:
        print("  FETCH    %d packages" % len(missing), flush=True)
        run("apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", *missing, cwd=folder, stdout=subprocess.DEVNULL)
    return [os.path.join(folder, name) for name in files]


def unpack(debs, root):
    """One tree, /bin and its like in /usr as in an installed Debian."""
    shutil.rmtree(root, ignore_errors=True)
    for name in MERGED:
        os.makedirs(os.path.join(root, "usr", name))
        os.symlink("usr/" + name, os.path.join(root, name))
    for deb in debs:
        with tools.start("dpkg-deb", "--fsys-tarfile", deb, stdout=subprocess.PIPE) as tar:
            run("tar", "-x", "-C", root, "--keep-directory-symlink", stdin=tar.stdout)
        if tar.returncode:
            sys.exit("debian_tree: cannot unpack %s; delete it and try again" % deb)
    for folder in USELESS:
        shutil.rmtree(os.path.join(root, folder), ignore_errors=True)
    run("ldconfig", "-r", root)


def make(packages, out, debs):
    """OUT/root: the packages of a list of words, and what they need; -PATTERN: left out although something depends on it.
    Downloads go to the folder `debs`. How many packages there are."""
    without = [w[1:] for w in packages if w[0] == "-"]
    files = closure([w for w in packages if w[0] != "-"], out)
    files = [f for f in files if not any(fnmatch.fnmatchcase(f.split("_")[0], w) for w in without)]
    unpack(download(files, debs), os.path.join(out, "root"))
    return len(files)
