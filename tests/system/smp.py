#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The teaching kernel on several processors: native on four of QEMU's, and as a guest with four vCPUs on two.

    smp.py native32|native64     one machine
    smp.py guests                pv32 and pv64 beside each other, below a Dom0 that has two vCPUs itself
"""

import os
import re
import sys

from machine import BUILD, Machine, Tap, require
from main_job import SHELL, Console, power_off

FORKS = 100
LOOP = "sh -c 'n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done'"


def all_online(m):
    require(m.run("nproc").strip() == "4", "not 4 processors")
    require(m.run("grep -c ^processor /proc/cpuinfo").strip() == "4", "/proc/cpuinfo does not list 4 processors")
    require(len(re.findall(r"^cpu\d ", m.run("cat /proc/stat"), re.M)) == 4, "/proc/stat does not list 4 processors")


def checkup(m):
    found = re.search(r"checkup: (\d+) passed, (\d+) failed", m.run("checkup; true", limit=300))
    require(found and found[2] == "0", "checkup: %s" % (found[0] if found else "no answer"))


def storm(m):
    """Shells that fork all at once; each prints what it counted."""
    one = "(i=0; while [ $i -lt %d ]; do /bin/true && i=$((i + 1)); done; echo forks=$i)" % FORKS
    output = m.run("for s in 1 2 3 4; do %s & done; wait" % one, limit=300)
    require(output.count("forks=%d" % FORKS) == 4, "not all of the forks: " + output)


def sums(m):
    alone = re.search(r"checksum (\w+)", m.run("work -p 1"))[1]
    together = re.findall(r"checksum (\w+)", m.run("work -p 4 -r 5", limit=120))
    require(together == [alone] * 5, "four workers computed %s, one %s" % (together, alone))


def address_space(m):
    output = m.run("smp 60", limit=300)
    found = re.search(r"(\d+) processors, (\d+) used, 0 stale reads, 0 wrong forks", output)
    require(found and found[1] == "4", output)
    require(found[2] == "4", "not all processors were used: " + output)


def busy(m):
    """Seconds that each processor has spent in user mode."""
    return [int(user) / 100 for user in re.findall(r"^cpu\d (\d+)", m.run("cat /proc/stat"), re.M)]


def stolen(m):
    """Seconds in which a processor had something to do and its hypervisor ran others."""
    return int(re.search(r"^cpu (.*)", m.run("cat /proc/stat"), re.M)[1].split()[7]) / 100


def none_stolen(m):
    require(stolen(m) == 0, "time was stolen on the bare machine")


def affinity(m):
    """Bound to a processor, a program runs there alone; to one that is off, anywhere; bound elsewhere, it moves."""
    require(m.run("taskset 4 sh -c 'taskset -p $$'").strip().endswith("mask: 4"), "taskset does not say mask 4")
    before = busy(m)
    m.run("for i in 1 2 3; do taskset 4 %s & done; wait" % LOOP)
    after = busy(m)
    used = [a - b for a, b in zip(after, before)]
    require(used[2] > sum(used) * 0.8, "bound to processor 2, these were busy: %s" % used)
    m.run("%s & taskset -p 2 $! > /dev/null; wait" % LOOP)
    moved = [a - b for a, b in zip(busy(m), after)]
    require(moved[1] > sum(moved) * 0.5, "moved to processor 1, these were busy: %s" % moved)
    m.run("taskset 100 true", code=1)


def unplug(m):
    m.run("echo 2 offline > /proc/cpus")
    require(m.run("nproc").strip() == "3", "still 4 processors")
    require("cpu2" not in m.run("cat /proc/stat"), "/proc/stat shows a processor that is off")
    m.run("work -p 4 -r 2", limit=120)
    require("busy" in m.run("echo 0 offline > /proc/cpus; true"), "processor 0 can go")
    m.run("echo 9 offline > /proc/cpus", code=1)


def plug(m):
    m.run("echo 2 online > /proc/cpus")
    require(m.run("nproc").strip() == "4", "not 4 processors again")
    output = m.run("smp 40", limit=300)
    require("4 used" in output, "not all processors were used: " + output)
    for _ in range(10):
        m.run("echo 3 offline > /proc/cpus; echo 3 online > /proc/cpus")


STEPS = (all_online, checkup, storm, sums, address_space, affinity, none_stolen, unplug, plug)


def native(tap, kind):
    kernel = os.path.join(BUILD, "guest", "kernel-%s.elf" % kind)
    initrd = os.path.join(BUILD, "guest", "initrd%s.cpio" % kind[-2:])
    with Machine(["-m", "64", "-smp", "4", "-kernel", kernel, "-initrd", initrd],
                 os.path.join(BUILD, "tests", "smp-%s.log" % kind)) as m:
        if tap.step("%s: boots" % kind, lambda: m.expect(SHELL, 60)):
            for step in STEPS:
                tap.step("%s: %s" % (kind, step.__name__.replace("_", " ")), lambda s=step: s(m))
            tap.step("%s: ends" % kind, lambda: power_off(m))


def vcpus(m, name):
    """[(vcpu, state, seconds)] by `rl vcpu-list`."""
    return [(int(row[0]), row[1], float(row[2]))
            for row in re.findall(r"^%s +\d+ +(\d+) +\S+ +(\S{3}) +([0-9.]+)" % name, m.run("rl vcpu-list"), re.M)]


def in_guest(m, name, step):
    with Console(m, name):
        step(m)


def all_used(m, name):
    used = [row for row in vcpus(m, name) if row[2] > 0]
    require(len(used) == 4, "not all vCPUs have used time: %s" % vcpus(m, name))


def some_stolen(m):
    """Four vCPUs at work cannot have two processors each all the time."""
    require(stolen(m) > 0, "no time was stolen")


def unplug_below(m, name):
    """The hypervisor sees it too."""
    with Console(m, name):
        unplug(m)
    states = {row[0]: row[1] for row in vcpus(m, name)}
    require(states[2] == "--p", "vCPU 2 is not off: %s" % states)
    with Console(m, name):
        plug(m)
    states = {row[0]: row[1] for row in vcpus(m, name)}
    require(states[2] != "--p", "vCPU 2 is not on again: %s" % states)


def guest(tap, m, kind):
    name = "s" + kind
    tap.step("%s: created with 4 vCPUs" % kind,
             lambda: m.run("rl create -q demo%s.cfg name=%s vcpus=4 memory=48" % (kind[-2:], name)))
    for step in (all_online, checkup, storm, sums, address_space, affinity, some_stolen):
        tap.step("%s: %s" % (kind, step.__name__.replace("_", " ")), lambda s=step: in_guest(m, name, s))
    tap.step("%s: all vCPUs were used" % kind, lambda: all_used(m, name))
    tap.step("%s: unplug and plug" % kind, lambda: unplug_below(m, name))
    tap.step("%s: ends" % kind, lambda: m.run("rl destroy %s" % name))


def guests(tap):
    with Machine(["-m", "512", "-smp", "2", "-cpu", "max", "-cdrom", os.path.join(BUILD, "ringlet.iso")],
                 os.path.join(BUILD, "tests", "smp-guests.log"), limit=1500) as m:
        if not tap.step("Dom0: boots", lambda: m.expect(SHELL, 180)):
            return
        guest(tap, m, "pv64")
        guest(tap, m, "pv32")
        tap.step("Dom0: ends", lambda: power_off(m))


def main():
    tap = Tap()
    if sys.argv[1] == "guests":
        guests(tap)
    else:
        native(tap, sys.argv[1])
    tap.end()


main()
