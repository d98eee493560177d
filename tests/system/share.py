#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The folder of the host: what `make run SHARE=folder` shows as /host in Dom0 and on the bare kernel. One machine for each
build of the kernel, the first by the ISO with the options of scripts/run-qemu. Files of some MB in both directions, names,
guests whose kernel and configuration are there, a trace that the host reads, and what is there after power off.
"""

import hashlib
import json
import os
import random
import re
import shutil
import stat
import subprocess
import tempfile

from machine import BUILD, TOP, Machine, Tap, require

SHELL = r"[#$] (\x1b\[6n)?$"
NAMES = ["file-%03d with a name of some length" % i for i in range(400)]
DATA = random.Random(9).randbytes(3 * 1024 * 1024 + 1234)
OPTIONS = "local,path=%s,mount_tag=host,security_model=none,multidevs=remap"
CONFIG = 'name = "guest"\nkernel = "kernel-pv64.elf"\nramdisk = "sub/initrd64.cpio"\nmemory = 24\n'


def run_qemu(folder, environment):
    """scripts/run-qemu with a QEMU that only says what it was asked: (exit code, its words, standard error)."""
    fake = os.path.join(folder, "fake")
    os.makedirs(fake, exist_ok=True)
    with open(os.path.join(fake, "qemu-system-x86_64"), "w") as f:
        f.write('#!/bin/sh\ncase " $* " in *" virtio-9p-pci,help "*) exit "$LACKS_9P";; esac\nprintf "%s\\n" "$@"\n')
    os.chmod(f.name, 0o755)
    env = dict(os.environ, PATH=fake + ":" + os.environ["PATH"], LACKS_9P="0")
    env.pop("SHARE", None)
    env.update(environment)
    done = subprocess.run(["sh", os.path.join(TOP, "scripts", "run-qemu"), "-cdrom", "x"], env=env, cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def options(folder):
    """What run-qemu makes of SHARE."""
    code, words, said = run_qemu(folder, {"SHARE": "my,folder"})
    require(code == 0 and os.path.isdir(os.path.join(folder, "my,folder")), said)
    require(OPTIONS % os.path.realpath(folder + "/my,,folder") in words and "-smbios" not in words and "rl will not" in said, "%s %s" % (words, said))
    code, words, said = run_qemu(folder, {"SHARE": "x*y z"})
    require(code == 0 and OPTIONS % os.path.realpath(folder + "/x*y z") in words, "%s %s" % (words, said))
    code, words, said = run_qemu(folder, {"SHARE": ""})
    require(code == 0 and "-virtfs" not in words and not said, "%s %s" % (words, said))
    code, words, said = run_qemu(folder, {"SHARE": "/proc/no"})
    require(code == 2 and not words and "/proc/no: cannot make" in said, "%d %s" % (code, said))
    code, words, said = run_qemu(folder, {"SHARE": "plain", "LACKS_9P": "1"})
    require(code == 0 and "-virtfs" not in words and words[-2:] == ["-cdrom", "x"], "%d %s" % (code, words))
    require(said.count("\n") == 1 and "cannot share folders" in said, said)
    code, words, said = run_qemu(folder, {})
    require(OPTIONS % os.path.join(TOP, "share") in words and os.path.join(TOP, "share") + " is /host" in said, "%s %s" % (words, said))


def fill(folder, word):
    """What the machine finds there."""
    os.makedirs(os.path.join(folder, "many"))
    os.makedirs(os.path.join(folder, "guests", "sub"))
    os.makedirs(os.path.join(folder, "work"))
    for name in NAMES:
        with open(os.path.join(folder, "many", name), "w"):
            pass
    with open(os.path.join(folder, "data"), "wb") as f:
        f.write(DATA)
    with open(os.path.join(folder, "guests", "x.cfg"), "w") as f:
        f.write(CONFIG)
    shutil.copy(os.path.join(BUILD, "guest", "kernel-pv64.elf"), os.path.join(folder, "guests"))
    shutil.copy(os.path.join(BUILD, "guest", "initrd64.cpio"), os.path.join(folder, "guests", "sub"))
    shutil.copy(os.path.join(BUILD, "tests", "share%s" % word), os.path.join(folder, "files"))


def space(m, folder):
    """df shows the host's file system, in blocks of as many of the host's as one message holds."""
    said = m.run("df -kP /host")
    found = re.search(r"^host +(\d+) +(\d+) +(\d+) .* /host$", said, re.M)
    require(found, said)
    whole, used, left = (int(n) for n in found.groups())
    host = os.statvfs(folder)
    wanted = host.f_blocks * host.f_frsize >> 10
    require(abs(whole - wanted) < 256 and 0 < used <= whole - left, "the host has %d KiB: %s" % (wanted, said))


def comes_in(m):
    require(hashlib.md5(DATA).hexdigest() in m.run("md5sum /host/data"), "the file that came in is another")
    listed = m.run("ls /host/many | sort | md5sum")
    require(hashlib.md5("".join(n + "\n" for n in sorted(NAMES)).encode()).hexdigest() in listed, "the names are others")
    found = m.run("/host/files /host/work; echo result $?", 120)
    require("result 0" in found, found)


def goes_out(m, folder):
    m.run("cp /host/data /tmp/data && cp /tmp/data /host/out/back", 60, code=1)  # no such folder yet
    m.run("mkdir -p /host/out/deep && cp /tmp/data /host/out/first && mv /host/out/first /host/out/deep/back")
    m.run("cd /host/out/deep && pwd && ln -s back link && echo one > text && echo two >> text && chmod 750 text && "
          "mv ../../many/'%s' kept && rm -r /host/many && cd /" % NAMES[7])
    with open(os.path.join(folder, "host"), "w") as f:  # the host writes meanwhile
        f.write("changed by the host\n")
    require("changed by the host" in m.run("cat /host/host"), "what the host has written")
    m.run("grep -q . /host/none", code=2)


def check_out(folder):
    """After the machine's end."""
    deep = os.path.join(folder, "out", "deep")
    require(sorted(os.listdir(folder)) == ["data", "files", "guests", "host", "out", "work"], str(os.listdir(folder)))
    require(sorted(os.listdir(deep)) == ["back", "kept", "link", "text"], str(os.listdir(deep)))
    require(os.listdir(os.path.join(folder, "work")) == [], "the program has left something")
    with open(os.path.join(deep, "link"), "rb") as f:
        require(f.read() == DATA and os.readlink(f.name) == "back", "the file that went out is another")
    with open(os.path.join(deep, "text")) as f:
        require(f.read() == "one\ntwo\n" and stat.S_IMODE(os.stat(f.name).st_mode) == 0o750, "text")


def program(m, folder):
    """A program is run from there, and the next start is of what the host has put in its place."""
    m.run("cp /bin/busybox /host/work/sleep && /host/work/sleep 1000 & until grep -q host/work /proc/$!/cmdline; do :; done; echo x >> /host/work/sleep", code=1)
    m.run("kill %1; rm /host/work/sleep")
    for word in ("first", "second"):
        with open(os.path.join(folder, "work", "say"), "w") as f:
            f.write("#!/bin/sh\necho the %s\n" % word)
        os.chmod(f.name, 0o755)
        require("the " + word in m.run("/host/work/say"), "not the " + word)
    os.remove(f.name)


def guest(m, folder, known):
    require("kernel = \"/host/guests/kernel-pv64.elf\"" in m.run("cd /tmp && rl create -n /host/guests/x.cfg"), "the kernel's whole path")
    m.run("rl create /host/guests/x.cfg && cd /", 120)
    require("guest" in m.run("rl list"), "no guest")
    said = m.run("cd /host/guests && rl trace -o ../trace.json -t 0.3 && cd /", 120)
    require(("on the host: %s/trace.json\n" % os.path.realpath(folder) in said) == known, said)
    require("on the host" not in m.run("rl trace -o /tmp/trace.json -t 0.1"), "/tmp is not the host's")
    with open(os.path.join(folder, "trace.json")) as f:
        require(len(json.load(f)["traceEvents"]) > 20, "a trace of nothing")
    os.remove(f.name)
    m.run("rl destroy guest")


def boot(kind, folder, made):
    """The machine's options; the ISO's first entry is pv64."""
    if kind == "pv64":
        return ["-m", "384", "-cdrom", os.path.join(BUILD, "ringlet.iso")] + made
    given = ["-virtfs", OPTIONS % folder, "-m", "256", "-initrd"]
    kernel = os.path.join(BUILD, "guest", "kernel-%s.elf" % kind)
    if kind == "pv32":
        return given + ["%s ,%s" % (kernel, os.path.join(BUILD, "dom0-32.cpio")), "-kernel", os.path.join(BUILD, "ringlet.elf"),
                        "-append", "console=com1 com1=115200,8n1 dom0_mem=128M noreboot", "-M", "q35"]
    return given + [os.path.join(BUILD, "guest", "initrd%s.cpio" % kind[-2:]), "-kernel", kernel]


def session(tap, kind, top):
    folder = os.path.join(top, kind)
    os.makedirs(folder)
    fill(folder, kind[-2:])
    _, words, _ = run_qemu(top, {"SHARE": folder})
    at = words.index("-virtfs")
    with Machine(["-cpu", "max", "-smp", "2"] + boot(kind, folder, words[at:at + 4]), os.path.join(BUILD, "tests", "share-%s.log" % kind)) as m:
        def starts():
            if kind == "pv64":
                m.expect(r"The teaching kernel on the bare machine", 60)
                m.send("\r")
            m.expect(SHELL, 120)

        def ends():
            m.send("poweroff\n")
            require(m.wait_end(60) == 0, "QEMU did not end with 0")
            check_out(folder)

        steps = [("starts", starts), ("df", lambda: space(m, folder)), ("files come in", lambda: comes_in(m)), ("files go out", lambda: goes_out(m, folder)),
                 ("a program is run", lambda: program(m, folder))]
        if kind.startswith("pv"):
            steps.append(("a guest and a trace", lambda: guest(m, folder, kind == "pv64")))
        steps.append(("all is there after power off", ends))
        for name, step in steps:
            if not tap.step("%s: %s" % (kind, name), step):
                return


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="ringlet-share-") as top:
        tap.step("the options for the folder", lambda: options(top))
        for kind in ("pv64", "pv32", "native64", "native32"):
            session(tap, kind, top)
    tap.end()


if __name__ == "__main__":
    main()
