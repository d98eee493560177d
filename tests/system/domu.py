#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""domu.py KIND SET: guest tests of a set, each as an ordinary domain of that kind beside Dom0 and a victim. The set
`attack-domu` is of tests made for that; `ordinary` is of those that also run as Dom0, and must come to the same result here.

A test has passed if its own RESULT says so, the victim found itself unharmed wherever the test rang for it, Dom0 still
answers, the auditor is content while the dead domain is still there and after it is gone, and it does go.
"""

import os
import re
import sys

from machine import BUILD, Machine, Tap, guest_result, require

KIND, SET = sys.argv[1:]
IMAGE = os.path.join(BUILD, "tests", "%s-%s" % (SET, KIND))
LOG = IMAGE + ".log"
AUDITED = r"audit: \d+ frames, ok|audit: wrong"
LINE = 127  # characters of a guest's line that the hypervisor keeps (struct domain, con_line)
ONE_VCPU = ("domu-victim",)
SHELL = r"[#$] (\x1b\[6n)?$"
TESTS = re.findall(r"^file /tests/(?!domu-victim)(\S+)\.elf", open(IMAGE + ".list").read(), re.M)


def heard():
    return open(LOG, errors="replace").read().replace("\r\n", "\n")


def wait_for(m, pattern, seconds, times=1):
    """Until the log has shown `pattern` that many times: Dom0's shell may have said it already, or says it later."""
    m.until(lambda: len(re.findall(pattern, heard(), re.M)) >= times, repr(pattern), seconds)


def audit(m):
    before = len(re.findall(AUDITED, heard()))
    m.run("rl debug-keys a")
    wait_for(m, AUDITED, 60, before + 1)
    require("audit: wrong" not in heard(), "the auditor found something wrong")


def create(m, name, extra=""):
    """Start the guest test `name`; its domain number."""
    vcpus = 1 if name in ONE_VCPU else 2
    line = ("rl create -q domu.cfg name=%s kernel=/tests/%s.elf vcpus=%d 'extra=%s'; echo id=$(rl domid %s)" % (name, name, vcpus, extra, name))
    return int(re.search(r"\bid=(\d+)$", m.run(line), re.M)[1])  # the hypervisor's lines may lie around it


def victim(m):
    m.expect(SHELL, 120)
    number = create(m, "domu-victim")
    wait_for(m, r"^\(d%d\) victim is ready" % number, 60)
    return number


def judge(m, name, number):
    if name == "attack-domu-machine":  # something that Dom0 is told of, while the test listens
        wait_for(m, r"^\(d%d\) attack-domu-machine listens" % number, 120)
        m.run("rl create -q domu.cfg name=short kernel=/tests/domu-victim.elf; rl destroy short")
    wait_for(m, r"^\(d%d\) RESULT " % number, 180)
    audit(m)
    word, why = guest_result("\n".join(re.findall(r"^\(d%d\) .*" % number, heard(), re.M)))
    require(word == "success", "%s %s" % (word, why))
    if name == "attack-domu-others":
        require("unharmed by d%d:" % number in heard(), "the victim was not asked whether it is harmed")
    if name == "attack-domu-console":
        console(number)


def gone(m, number):
    """Nothing keeps the dead domain: no frame, no port, no grant of its own or of others."""
    for _ in range(20):
        text = m.run("rl list")
        if not re.search(r"^.*\s%d\s+\d+\s+\d+\s" % number, text, re.M):
            return
        m.run("sleep 0.2")
    require(False, "d%d was destroyed and is still there: %r" % (number, text))


def attack(m, name, beside):
    number = create(m, name, "victim=%d" % beside)
    try:
        judge(m, name, number)
    finally:
        if m.died is None:
            m.run("rl destroy %s" % name)
    gone(m, number)
    audit(m)


def console(number):
    """Text alone came out, each line marked."""
    text = heard()
    mark = "(d%d) " % number
    lines = re.findall(r"^%s.*$" % re.escape(mark), text, re.M)
    require(any("escape probe" in line for line in lines), "the probe did not come out at all")
    for line in lines:
        require(re.fullmatch(r"[\t -~]*", line), "a control character came out: %r" % line)
    for forged in ("(ringlet) forged", "(d0) forged"):
        require(not re.search("^" + re.escape(forged), text, re.M), "a line begins with what the guest forged")
    longest = max(lines, key=len)
    require(len(longest) <= len(mark) + LINE, "a line longer than the hypervisor's buffer: %r" % longest)


def unharmed(m):
    text = heard()
    require(not re.search(r"^\(d\d+\) harmed", text, re.M), "the victim was harmed")
    m.run("rl destroy domu-victim")
    audit(m)
    require("PANIC" not in text, "a panic")


def main():
    tap = Tap()
    initrd = "%s ,%s" % (os.path.join(BUILD, "guest/kernel-pv64.elf"), IMAGE + ".cpio")
    options = "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"
    with Machine(["-m", "256", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-initrd", initrd, "-append", options], LOG, limit=120 + 100 * len(TESTS)) as m:
        beside = []
        if tap.step("Dom0 and a victim start", lambda: beside.append(victim(m))):
            for name in TESTS:
                tap.step(name, lambda n=name: attack(m, n, beside[0]))
            tap.step("the victim is unharmed", lambda: unharmed(m))
    tap.end()


main()
