#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that write into the hypervisor's log without end, or crash again and again (tests/domu-flood), under -icount,
where time is instructions: what was said before is still there, what is left out is counted to the line, and Dom0 does
not notice.
"""

import os
import re

from machine import BUILD, Machine, Tap, require

LOG = os.path.join(BUILD, "tests", "flood.log")
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=128M noreboot stays"
SHELL = r"[#$] (\x1b\[6n)?$"
LINE = "what hides the rest of all that was said before"  # domu-flood's
LINES = 20000
BURST, RATE, SLICE = 200, 10, 0.01  # guest_lograte, and the scheduler's turn (s)
CRASHES = 20
NAPS = 20
STAY = 100000  # instructions with interrupts off
EVIDENCE = "Command line: "


def heard():
    return open(LOG, errors="replace").read().replace("\r\n", "\n")


def uptime(m):
    return float(m.run("cat /proc/uptime").split()[0])


def create(m, name, extra):
    m.run("rl create -q domu.cfg name=%s kernel=/tests/domu-flood.elf 'extra=%s'" % (name, extra), 200)


def ended(m, name, state):
    for _ in range(100):
        if re.search(r"^%s .* [-rbpscd]*%s[-rbpscd]* " % (name, state), m.run("rl list"), re.M):
            return
        m.run("sleep 0.1")
    require(False, "it does not end: " + m.run("rl list"))


def boot(m):
    m.expect(SHELL, 200)
    require(EVIDENCE in m.run("rl dmesg"), "the log's beginning is not there from the start")


def counted(m):
    begin = uptime(m)
    create(m, "flood", "lines=%d" % LINES)
    ended(m, "flood", "s")
    number = m.number("rl domid flood")
    text = heard()
    told = len(re.findall(r"^\(d%s\) what hides" % number, text, re.M))
    left_out = sum(int(n) for n in re.findall(r"^\(d%s\) (\d+) lines left out$" % number, text, re.M))
    print("# %d lines told, %d left out" % (told, left_out))
    require(told + left_out == LINES, "%d told and %d left out are not %d" % (told, left_out, LINES))
    require(told <= BURST + RATE * (uptime(m) - begin) + 1, "more than the rate: %d" % told)
    m.run("rl destroy flood")


def evidence(m):
    log = m.run("rl dmesg", 200)
    require(EVIDENCE in log, "the beginning of the log is gone")
    require(re.search(r"^\(d\d+\) \d+ lines left out$", log, re.M), "rl dmesg does not say how much is missing")


def naps(m):
    """How long a short nap of Dom0 takes, in seconds of the machine."""
    out = m.run("read a b < /proc/uptime; for i in $(seq %d); do sleep 0.02; done; read c d < /proc/uptime; echo $a $c" % NAPS, 200)
    first, last = re.findall(r"\d+\.\d+", out)[-2:]
    return (float(last) - float(first)) / NAPS


def said_at_the_end(m, number):
    """The last word of an ended guest is how much of what it wrote is missing; its end may take a moment. Only the rest
    of a line that it was writing may follow, if its rate admits one just then."""
    for _ in range(20):
        *_, before, last = [line for line in heard().splitlines() if line.startswith("(d%s) " % number)]
        rest = LINE.startswith(last.split(" ", 1)[1]) and len(last.split(" ", 1)[1]) < len(LINE)
        if "lines left out" in (before if rest else last):
            return
        m.run("sleep 0.2")
    require(False, "its last word is not what is missing: %r" % last)


def latency(m):
    alone = naps(m)
    for i in range(2):
        create(m, "flood%d" % i, "lines=0")
    m.run("rl dmesg -c > /dev/null; rl debug-keys l; sleep 1; rl dmesg -c > /dev/null", 200)
    beside = naps(m)
    print("# a nap takes %.1f ms alone, %.1f ms beside two floods" % (alone * 1000, beside * 1000))
    require(beside < alone + 4 * SLICE, "Dom0 waits for the guests")
    m.run("rl debug-keys l; sleep 1", 200)
    stays = [(int(t), line) for line, t in re.findall(r"^(.* (\d+) ticks  d.*)$", m.run("rl dmesg", 200), re.M)]
    require(stays, "the longest stays were not recorded")
    print("# the longest stay with interrupts off: %s" % max(stays)[1])
    require(max(stays)[0] <= STAY, max(stays)[1])
    for i in range(2):
        number = m.number("rl domid flood%d" % i)
        m.run("rl destroy flood%d" % i)
        said_at_the_end(m, number)


def crash(m, times):
    """In one command: while Dom0 waits for the next one, time runs away."""
    m.run("for i in $(seq %d); do rl create -q domu.cfg name=crash kernel=/tests/domu-flood.elf extra=crash; "
          "until rl list crash | grep -q 'c- '; do sleep 0.02; done; rl destroy crash; done" % times, 300)


def crashes(m):
    m.run("rl dmesg -c > /dev/null; rl debug-keys m; sleep 1", 200)
    before = m.run("rl dmesg", 200)
    require("pages free" in before, "the debug key said nothing: %s" % before)
    crash(m, CRASHES)
    text = heard()
    reports = len(re.findall(r"^\(ringlet\) d\d+ vCPU 0 .* crashed at RIP", text, re.M))
    print("# %d of %d crashes were reported" % (reports, CRASHES))
    require(0 < reports < CRASHES, "%d reports" % reports)
    require("pages free" in m.run("rl dmesg", 200), "what was said before is gone")
    m.run("sleep 20", 200)  # until there is room again
    crash(m, 1)
    require(re.search(r"\d+ lines about the ends of guests left out", heard()), "nobody says what is missing")


def main():
    tap = Tap()
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-flood.cpio"))
    with Machine(["-m", "320", "-cpu", "max", "-icount", "shift=0,sleep=off", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", OPTIONS, "-initrd", initrd], LOG, limit=500) as m:
        if tap.step("Dom0 starts", lambda: boot(m)):
            tap.step("each line is told or counted", lambda: counted(m))
            tap.step("what was said before is still there", lambda: evidence(m))
            tap.step("Dom0 is served beside floods", lambda: latency(m))
            tap.step("crashes without end", lambda: crashes(m))
    tap.end()


main()
