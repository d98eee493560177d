#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Setting up: scripts/setup.sh with a package manager that only pretends, and `make doctor` on a PATH from which tools are
taken, or that has older ones.
"""

import os
import re
import subprocess
import tempfile

from machine import TOP, Tap, require

SETUP = os.path.join(TOP, "scripts", "setup.sh")
DOCTOR = os.path.join(TOP, "scripts", "doctor.sh")
# What the pretended dpkg-query says is installed, apt-cache says exists, and whether the index can be renewed.
DPKG = 'shift 3\nfor p; do case " %s " in *" $p "*) echo "installed $p" ;; esac; done\n'
APT_CACHE = 'case " %s " in *" $3 "*) exit 0 ;; esac\nexit 1\n'
APT_GET = 'command -v ldconfig >/dev/null || { echo no ldconfig; exit 1; }\necho "apt-get $*" >>log\n[ "$1" = install ] || exit %d\n'
USERS_PATH = "/usr/bin:/bin"  # an ordinary user's on Debian: without sbin


DISK_PARTS = """
import os, sys
out = sys.argv.pop()
sys.path[:0] = ["scripts", "scripts/linux-disk"]
import debian_tree, tools
os.makedirs(out + "/p/DEBIAN")
os.makedirs(out + "/p/etc")
with open(out + "/p/DEBIAN/control", "w") as f:
    f.write("Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: none <none@localhost>\\nDescription: none\\n")
tools.run("dpkg-deb", "-b", out + "/p", out + "/p.deb")
debian_tree.unpack([out + "/p.deb"], out + "/tree")
source = open("scripts/linux-disk/build.py").read().split("\\nif len(sys.argv)")[0].replace("768 << 11", "8 << 11")
exec(source.replace("__file__", repr(os.path.abspath("scripts/linux-disk/build.py"))))
file_system(out + "/root", out + "/image")
"""


def script(path, text):
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text)
        os.fchmod(f.fileno(), 0o755)


def names(path):
    with open(os.path.join(TOP, "scripts", path)) as f:
        return [line.split()[0] for line in f if line.strip() and not line.startswith("#") and "[cross]" not in line]


def set_up(*asked, installed=(), known=(), renews=True, root=True, by=("sh", SETUP)):
    """(exit code, what it says, the calls of apt-get)"""
    with tempfile.TemporaryDirectory() as top:
        script(top + "/dpkg-query", DPKG % " ".join(installed))
        script(top + "/apt-cache", APT_CACHE % " ".join(known))
        script(top + "/apt-get", "cd %s\n" % top + APT_GET % (0 if renews else 100))
        script(top + "/id", "echo %d\n" % (0 if root else 1000))
        script(top + "/uname", "echo x86_64\n")
        script(top + "/sudo", "exit 1\n")
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        p = subprocess.run([*by, *asked], env={**env, "PATH": top + ":" + USERS_PATH}, cwd=TOP, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        log = open(top + "/log").read().splitlines() if os.path.exists(top + "/log") else []
        return p.returncode, p.stdout, log


def nothing_missing():
    require(set_up(installed=names("packages.txt")) == (0, "", []), "it does something")


def running_only():
    run = names("packages.txt")
    code, said, log = set_up("run", known=run)
    require(code == 0 and log[-1].split()[-len(run):] == run, "exit code %d, %s: %s" % (code, log, said))
    require(not set(log[-1].split()) & set(names("packages-test.txt")), "it installs the testing set")


def single_packages():
    code, said, log = set_up("run", "gdb", installed=names("packages.txt"), known=["gdb"])
    require(code == 0 and log[-1].endswith("--no-install-recommends gdb"), "exit code %d, %s: %s" % (code, log, said))


def mirror_lacks_one():
    wanted = names("packages-test.txt")
    code, said, log = set_up("test", known=[p for p in wanted if p != "spin"])
    require(code == 0 and "the mirror has no package spin; what needs it will fail: make verify" in said, said)
    require(log[-1].split()[-len(wanted) + 1:] == [p for p in wanted if p != "spin"], "it installs %s" % log[-1])


def mirror_lacks_all():
    code, said, log = set_up("gdb", "spin", installed=["gdb"])
    require(code == 0 and "no package spin" in said and len(log) == 1, "exit code %d, %s: %s" % (code, log, said))
    code, said, _ = set_up("spin", renews=False)
    require(code == 1 and "is there a network" in said, "exit code %d: %s" % (code, said))


def not_root():
    code, said, log = set_up("run", installed=names("packages.txt")[2:], root=False)
    require(code == 1 and re.search(r"^  apt-get install --no-install-recommends make gcc$", said, re.M) and not log,
            "exit code %d, %s: %s" % (code, log, said))


def make_asks():
    """However make is called, it looks for packages before anything is built; but not for `make -n`."""
    for options in ((), ("-k",), ("-j3",), ("--no-print-directory",), ("T=nn",)):
        code, said, _ = set_up(*options, "all", root=False, by=("make",))
        require(code == 2 and re.search("apt-get install --no-install-recommends .*nasm", said), "make %s all: %s" % (options, said[-600:]))
    code, said, _ = set_up("linux-dom0", root=False, installed=names("packages.txt"), by=("make",))
    require(code == 2 and "kmod" in said and "nasm" not in said, "make linux-dom0: " + said[-600:])
    for options in (("-n",), ("-nk",)):
        _, said, log = set_up(*options, "all", known=names("packages.txt"), by=("make",))
        require(not log and "Installing" not in said, "make %s: %s" % (options, log))


def of_users(*command, lacks=(), **environment):
    """Exit code and words of a command on an ordinary user's PATH, perhaps without some programs."""
    with tempfile.TemporaryDirectory() as top:
        for name in os.listdir("/usr/bin"):
            if name not in lacks:
                os.symlink("/usr/bin/" + name, os.path.join(top, name))
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        p = subprocess.run(command, env={**env, "PATH": top, **environment}, cwd=TOP, text=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        return p.returncode, p.stdout


def in_sbin():
    """mke2fs by make, and by Python ldconfig, mke2fs, debugfs and e2fsck, as make linux-disk calls them."""
    with tempfile.TemporaryDirectory() as top:
        code, said = of_users("make", "B=" + top, top + "/appliances/web.img")
        require(code == 0 and os.path.getsize(top + "/appliances/web.img") == 8 << 20, said)
        os.makedirs(top + "/root/a")
        code, said = of_users("python3", "-c", DISK_PARTS, "x", top)
        require(code == 0 and os.path.getsize(top + "/image"), said)
    code, said = of_users("python3", "-c", "import machine, subprocess; subprocess.run(['e2fsck', '-V'], check=True)",
                          PYTHONPATH=os.path.join(TOP, "tests", "system"))
    require(code == 0 and "e2fsck " in said, said)


def one_line():
    """A program that is missing, or fails: which, what mends it, and no traceback."""
    with tempfile.TemporaryDirectory() as top:
        open(top + "/a.deb", "w").close()
        for name, package, command in (
                ("dpkg-deb", "dpkg", ("scripts/linux_modules.py", top + "/a.deb", top, "x")),
                ("apt-get", "apt", ("scripts/linux-disk/build.py", top, top)),
                ("qemu-system-x86_64", "qemu-system-x86", ("scripts/linux-dom0/run.py", "ringlet"))):
            code, said = of_users("python3", *command, lacks=[name])
            line = "%s: the program %s is missing; Debian's package %s has it: sh scripts/setup.sh %s\n"
            require(code == 1 and said == line % (os.path.basename(command[0]), name, package, package), "%d: %s" % (code, said))
        code, said = of_users("python3", "scripts/linux_modules.py", top + "/a.deb", top, "x")
        require(code == 1 and "Traceback" not in said and "linux_modules.py: `dpkg-deb --fsys-tarfile " in said, said)


def fetching():
    """scripts/fetch_guests.sh with packages that hold nothing: what is to be fetched is counted on a terminal, and listed elsewhere."""
    for line, wanted in (("sh {0} out", "  GUEST    out/gnumach"), ("script -qec 'sh {0} out' /dev/null", "[6/6] GUEST    out/gnumach")):
        with tempfile.TemporaryDirectory() as top:
            script(top + "/apt-cache", 'echo "  Depends: linux-image-6.1.0-1${4#linux-image}"\n')
            script(top + "/apt-get", '[ "$1" != download ] || : >"$3_1_amd64.deb"\n')
            script(top + "/dpkg-deb", "")
            script(top + "/tar", "echo x | gzip -c\n")
            script(top + "/python3", '[ "${3##*/}" != modules ] || { mkdir -p "$3" && echo x >"$3/list"; }\n')
            os.makedirs(top + "/build/dom0-tools")
            script(top + "/build/dom0-tools/rl-unpack", "cat \"$1\"\n")
            os.mkdir(top + "/out")
            with open(top + "/out/xen-4.17", "w") as f:
                f.write("there already")
            p = subprocess.run(["sh", "-c", line.format(os.path.join(TOP, "scripts", "fetch_guests.sh"))], cwd=top, text=True,
                               env={**os.environ, "PATH": top + ":" + USERS_PATH}, stdin=subprocess.DEVNULL, timeout=60,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            require(p.returncode == 0 and wanted in p.stdout.splitlines(), "exit code %d: %s" % (p.returncode, p.stdout))


def lists():
    """scripts/check-tools.py, of a tree with one command and one target."""
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(top + "/scripts")
        for packages, needs, wanted in (("nasm # why", "$(call needs,all,run)", ""), ("gcc", "$(call needs,all,run)", "Makefile calls nasm, of the package nasm"),
                                        ("nasm", "$(call needs,none,run)", "the target all has no line")):
            for name, text in (("Makefile", "all: ## build\n\t$(Q)cd x && nasm -f bin y\n"), ("scripts/packages.txt", packages), ("scripts/setup.mk", needs)):
                with open(os.path.join(top, name), "w") as f:
                    f.write(text)
            p = subprocess.run(["python3", "scripts/check-tools.py", top], cwd=TOP, capture_output=True, text=True, check=False)
            require(p.returncode == bool(wanted) and wanted in p.stderr and p.stderr.count("\n") == bool(wanted), p.stderr)


def doctor(without=(), **fakes):
    """Exit code and words of the doctor, on a PATH of all programs of the machine but some, and with others for some."""
    with tempfile.TemporaryDirectory() as top:
        for folder in "/usr/bin", "/bin", "/usr/sbin", "/sbin":
            for name in os.listdir(folder):
                if name not in without and not os.path.lexists(os.path.join(top, name)):
                    os.symlink(os.path.join(folder, name), os.path.join(top, name))
        for name, text in fakes.items():
            os.remove(os.path.join(top, name))
            script(os.path.join(top, name), text)
        p = subprocess.run(["sh", DOCTOR], cwd=TOP, env={"PATH": top}, stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        return p.returncode, p.stdout


def healthy():
    code, said = doctor()
    require(code == 0 and re.search(r"^nasm +2\.\S+ +2\.16\.01 +ok$", said, re.M), said)
    require(said.splitlines()[-1] == "make run can work here.", said)


def nasm_missing():
    code, said = doctor(without=("nasm",))
    require(code == 1 and re.search(r"^nasm +missing +2\.16\.01 +without it: make run, and all else \(package nasm\)$", said, re.M), said)
    require("make run cannot work here: it lacks nasm. On Debian 12: sh scripts/setup.sh run" in said, said)


def only_for_tests():
    code, said = doctor(without=("spin", "zstd"))
    require(code == 0 and re.search(r"^spin +missing .*without it: make verify", said, re.M), said)
    require(re.search(r"^zstd +missing .*without it: make test", said, re.M), said)


def old_and_new():
    code, said = doctor(nasm="echo NASM version 2.9.1\n", xorriso="echo xorriso 7.0.1\n", mformat="exit 1\n")
    require(code == 0 and re.search(r"^nasm +2\.9\.1 +2\.16\.01 +older than what was tested", said, re.M), said)
    require(re.search(r"^xorriso +7\.0\.1 +1\.5\.4 +newer", said, re.M), said)
    require(re.search(r"^mformat +there +\S+ +it tells no version$", said, re.M), said)


def compiler_without_32_bits():
    real = os.path.realpath("/usr/bin/gcc")
    code, said = doctor(gcc='for a; do [ "$a" != -m32 ] || exit 1; done\nexec %s "$@"\n' % real)
    require(code == 1 and re.search(r"^programs of 32 bits +missing .*package gcc-multilib", said, re.M), said)


def built_from():
    """The header follows the commit and what differs from it; it is not written again for nothing."""
    with tempfile.TemporaryDirectory() as top:
        def run(*command):
            subprocess.run(command, cwd=top, check=True, stdout=subprocess.DEVNULL)

        def says(pattern):
            run("sh", "scripts/built-from.sh", "out/built_from.h")
            with open(top + "/out/built_from.h") as f:
                line = f.read()
            require(re.fullmatch('#define BUILT_FROM "%s"\n' % pattern, line), "it says %r" % line)
            return os.stat(top + "/out/built_from.h").st_ino

        os.mkdir(top + "/scripts")
        with open(os.path.join(TOP, "scripts", "built-from.sh")) as f:
            script(top + "/scripts/built-from.sh", f.read())
        says("unknown: built without git")
        run("git", "init", "-q")
        run("git", "add", "scripts")
        run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "one")
        first = says(r"\d{4}-\d\d-\d\d git:[0-9a-f]{12}")
        require(says(".*") == first, "it is written again")
        with open(top + "/scripts/built-from.sh", "a") as f:
            f.write("# changed\n")
        require(says(".* git:[0-9a-f]{12}-dirty") != first, "a change is not seen")


def cross():
    """With CROSS= nothing that is built comes from the machine's own compiler, nor from its own busybox and GRUB."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKE_TERMOUT", "T")}
    p = subprocess.run(["make", "-n", "-B", "CROSS=other-", "all"], cwd=TOP, env=env, capture_output=True, text=True, timeout=300)
    require(p.returncode == 0 and p.stdout.count("other-gcc -") > 100, p.stderr[-500:] or p.stdout[-500:])
    own = re.findall(r"(?m)(?:^|[ ;&|(])((?:gcc|cc|musl-gcc|ld|ar|nm|objcopy|strip) -.*)", p.stdout)
    own += re.findall(r"BUSYBOX=/.*|--directory=/.*", p.stdout)
    require(not own, "the machine's own: %s" % "\n".join(line[:100] for line in own[:5]))


GOOD = """FROM debian:bookworm-slim
ARG SETS=run
COPY scripts/setup.sh /a/
RUN sh /a/setup.sh $SETS
WORKDIR /ringlet
CMD ["make", "run"]
"""
CONTAINER = '{"build": {"dockerfile": "Dockerfile", "context": "..", "args": {"SETS": "run"}}}'
# A Dockerfile and a devcontainer.json, and what scripts/dockerfile.py says of them.
CONTAINERS = {
    "good": (GOOD, CONTAINER, ""),
    "another base": (GOOD.replace("bookworm-slim", "latest"), CONTAINER, "Dockerfile:1: not FROM"),
    "a file that is not there": (GOOD.replace("setup.sh /a/", "setup.bat /a/"), CONTAINER, "Dockerfile:3: COPY of what is not there"),
    "a variable of nobody's": (GOOD.replace("$SETS", "$SET"), CONTAINER, "Dockerfile:4: RUN uses SET"),
    "a shell that cannot read it": (GOOD.replace("$SETS", "'"), CONTAINER, "Dockerfile:4: RUN: "),
    "a question": (GOOD.replace("sh /a/setup.sh $SETS", "apt-get install make"), CONTAINER, "Dockerfile:4: RUN would ask"),
    "an old index": (GOOD.replace("sh /a/setup.sh $SETS", "apt-get update"), CONTAINER, "Dockerfile:4: RUN would ask, or leaves"),
    "no list": (GOOD.replace('["make", "run"]', "[make, run]"), CONTAINER, "Dockerfile:6: CMD is no JSON list"),
    "an unknown instruction": (GOOD + "RUNN true\n", CONTAINER, "Dockerfile:7: RUNN is not known"),
    "a line that never ends": (GOOD + "RUN true \\\n", CONTAINER, "Dockerfile:7: RUN has no end"),
    "no JSON": (GOOD, CONTAINER[:-1], "devcontainer.json: Expecting"),
    "an argument of nobody's": (GOOD, CONTAINER.replace("SETS", "SET"), "devcontainer.json: the Dockerfile has no ARG SET"),
    "no Dockerfile": (GOOD, CONTAINER.replace('"Dockerfile"', '"File"'), "devcontainer.json: build names no Dockerfile"),
}


def container(dockerfile, told, wanted):
    with tempfile.TemporaryDirectory() as top:
        for name, text in (("Dockerfile", dockerfile), ("devcontainer.json", told)):
            with open(os.path.join(top, name), "w") as f:
                f.write(text)
        p = subprocess.run(["python3", os.path.join(TOP, "scripts", "dockerfile.py"), "check", top], capture_output=True, text=True)
    require((p.returncode != 0) == bool(wanted) and wanted in p.stderr and p.stderr.count("\n") == bool(wanted),
            "exit code %d: %s" % (p.returncode, p.stderr))


def the_container():
    p = subprocess.run(["python3", os.path.join(TOP, "scripts", "dockerfile.py"), "check"], capture_output=True, text=True)
    require(p.returncode == 0, p.stderr)


def main():
    tap = Tap()
    tap.step("setup: nothing is missing", nothing_missing)
    tap.step("setup: running alone", running_only)
    tap.step("setup: a set and a package", single_packages)
    tap.step("setup: a name that the mirror does not have", mirror_lacks_one)
    tap.step("setup: no name that it has; no mirror", mirror_lacks_all)
    tap.step("setup: neither root nor sudo", not_root)
    tap.step("setup: make asks for what a target needs", make_asks)
    tap.step("tools in /usr/sbin are found by an ordinary user", in_sbin)
    tap.step("a program that is missing: one line", one_line)
    tap.step("make guests: how far it is", fetching)
    tap.step("check-tools: a package and a target without a line", lists)
    tap.step("doctor: all is there", healthy)
    tap.step("doctor: what make run needs is missing", nasm_missing)
    tap.step("doctor: what only other targets need is missing", only_for_tests)
    tap.step("doctor: older and newer tools", old_and_new)
    tap.step("doctor: gcc without -m32", compiler_without_32_bits)
    tap.step("the commit that is built from", built_from)
    tap.step("CROSS: all is built by the other compiler", cross)
    tap.step("the container of the checkout", the_container)
    for name, case in CONTAINERS.items():
        tap.step("a container: " + name, lambda c=case: container(*c))
    tap.end()


main()
