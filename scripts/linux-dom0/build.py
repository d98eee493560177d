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
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import linux_modules  # pylint: disable=wrong-import-position

USELESS = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/bash-completion",
           "usr/share/lintian", "usr/include"]
MERGED = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, **more)


def words(name):
    """The words of one of the lists here, without comments."""
    with open(os.path.join(HERE, name)) as f:
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
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar:
            run("tar", "-x", "-C", root, "--keep-directory-symlink", stdin=tar.stdout)
        if tar.returncode:
            sys.exit("build.py: cannot unpack %s; delete it and try again" % deb)
    for folder in USELESS:
        shutil.rmtree(os.path.join(root, folder), ignore_errors=True)
    run("ldconfig", "-r", root)


def add_modules(deb, root):
    """Drivers, so that modprobe finds them by name."""
    modules, done = linux_modules.read(deb), []
    for name in words("modules.txt"):
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
    with open(archive + ".part", "wb") as f, subprocess.Popen(["find", ".", "-print0"], cwd=root, stdout=subprocess.PIPE) as names:
        run("cpio", "-0", "-o", "-H", "newc", "-R", "0:0", "--quiet", cwd=root, stdin=names.stdout, stdout=f)
    os.replace(archive + ".part", archive)


def main(kernels, out):
    out = os.path.abspath(out)
    kernel = [name for name in os.listdir(kernels) if re.match(r"linux-image-[0-9.-]+-amd64_", name)]
    if not kernel:
        sys.exit("build.py: no package linux-image-...-amd64 in %s" % kernels)
    os.makedirs(out, exist_ok=True)
    packages = words("packages.txt")
    without = {w[1:] for w in packages if w[0] == "-"}
    files = closure([w for w in packages if w[0] != "-"], out)
    files = [f for f in files if f.split("_")[0] not in without]
    root = os.path.join(out, "root")
    unpack(download(files, os.path.join(out, "deb")), root)
    add_modules(os.path.join(kernels, max(kernel)), root)
    with open(os.path.join(out, "modules"), "w") as f:
        f.write("\n".join(words("modules.txt")) + "\n")
    pack(root, os.path.join(out, "debian.cpio"))
    print("  GUEST    %s: %d packages, %d MiB" % (os.path.join(out, "debian.cpio"), len(files),
                                               os.path.getsize(os.path.join(out, "debian.cpio")) >> 20))


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
