#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One build of the teaching kernel (native32, native64, pv32, pv64), started by QEMU's -kernel, with 16 MiB of
its own: the shell, pipes, job control, what its applications may not do, `checkup`, and the end of it all.

    kernels.py KIND [CPU]
"""

import os
import re
import sys
import time

from machine import BUILD, Failure, Machine, Tap

KIND = sys.argv[1]
CPU = sys.argv[2] if len(sys.argv) > 2 else "max"
WORD = KIND[-2:]
KERNEL = os.path.join(BUILD, "guest", "kernel-%s.elf" % KIND)
INITRD = os.path.join(BUILD, "guest", "initrd%s.cpio" % WORD)
PROMPT = r"[#$] (\x1b\[6n)?$"
# No store answers in a machine without tools, so a PV build runs as Dom0 here.
if KIND.startswith("pv"):
    BOOT = ["-m", "128", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", "%s ,%s" % (KERNEL, INITRD),
            "-append", "console=com1 com1=115200,8n1 dom0_mem=16M noreboot"]
else:
    BOOT = ["-m", "16", "-kernel", KERNEL, "-initrd", INITRD]


def require(condition, text):
    if not condition:
        raise Failure(text)


def boots(m):
    m.expect(r"Ringlet teaching kernel %s" % KIND)
    m.expect(PROMPT)
    m.run("test ! -e /host")  # the host shares no folder


def pipes(m):
    require(m.run("seq 1 20000 | sort -rn | tail -1").strip() == "1", "seq, sort and tail disagree")
    m.run("ls /bin > /tmp/list; test $(wc -l < /tmp/list) -eq $(ls /bin | wc -l)")
    m.run("mkfifo /tmp/fifo; (echo through > /tmp/fifo &); test $(cat /tmp/fifo) = through")


def job_control(m):
    m.send("sleep 1000\n")
    time.sleep(0.5)
    m.send("\x03")  # ^C
    require(m.run("echo code $?").find("130") >= 0, "^C did not end sleep by SIGINT")
    m.send("cat\n")
    time.sleep(0.5)
    m.send("\x1a")  # ^Z
    m.expect("Stopped")
    m.send("fg\n")
    time.sleep(0.5)
    m.send("again\n\x04")  # ^D
    m.expect("again\nagain\n")
    m.run("true")


def storm(m):
    m.run("i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done", limit=120)
    m.run("for i in $(seq 1 40); do sleep 1 & done; wait")


def full_memory(m):
    m.run("dd if=/dev/zero of=/tmp/full bs=64k", limit=120, code=1)
    m.run("rm /tmp/full; ls / | wc -l")
    m.run("tail /dev/zero", limit=120, code=137)


def checkup(m):
    found = re.search(r"checkup: (\d+) passed, (\d+) failed", m.run("checkup; true", limit=300))
    require(found and found[2] == "0", "checkup: %s" % (found[0] if found else "no answer"))


def rings(m):
    text = m.run("ring", limit=60)
    require("ring 3" in text, "applications do not run in ring 3")
    for what in ("cli", "hlt", "in 0x80", "mov to cr3", "lgdt", "int 0x82", "kernel", "hypervisor"):
        require(re.search(r"^ *%s .*faults: Seg" % what, text, re.M), "%r is not refused" % what)


def grants(m):
    if KIND.startswith("pv"):  # in Dom0, so the domain's number is 0
        require("all is well" in m.run("grants 0"), "granted pages")


def ends(m):
    m.send("poweroff\n")
    require(m.wait_end(60) == 0, "QEMU's exit code is not 0")


def main():
    tap = Tap()
    log = os.path.join(BUILD, "tests", "kernel-%s-%s.log" % (KIND, CPU))
    with Machine(["-cpu", CPU] + BOOT, log) as m:
        for step in (boots, pipes, job_control, storm, full_memory, rings, checkup, grants, ends):
            if not tap.step("%s: %s" % (KIND, step.__name__.replace("_", " ")), lambda s=step: s(m)):
                break
    tap.end()


main()
