#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The teaching kernel and `rl` on a hypervisor that others wrote: Debian's Xen 4.17.

Dom0 has two vCPUs; all that rl does goes by the domctls, sysctls and the builder's memory operations of Xen's
interface, with Xen's own answers. What Ringlet alone has (accounting, traces) is refused with a sentence.
"""

import os
import re
import sys

import hello
import hosts
from machine import BUILD, TOP, Machine, Tap, require
from main_job import SHELL, Console, free_pages

sys.path.insert(0, os.path.join(TOP, "scripts"))
import cost  # noqa: E402

LOG = os.path.join(BUILD, "tests", "rl-on-xen.log")
MODULES = [os.path.join(BUILD, "guest", "kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio")]


def states(m):
    """{name: (memory in MiB, vCPUs, state)} by `rl list`."""
    return {row[0]: (int(row[1]), int(row[2]), row[3]) for row in
            re.findall(r"^(\S+) +\d+ +(\d+) +(\d+)\s+(\S+)", m.run("rl list"), re.M)}


def dom0(m):
    m.expect(SHELL, 180)
    require("Xen 4.17" in m.run("dmesg"), "the kernel does not know what it runs on")
    require(m.run("nproc").strip() == "2", "Dom0 has not two processors")
    require(states(m)["Domain-0"][:2] == (128, 2), "rl list: %s" % states(m))
    info = m.run("rl info")
    for line in (r"xen_version +: 4\.17\.\d+$", r"xen_caps +: xen-3.0-x86_64 ", r"nr_cpus +: 2$", r"total_memory +: 51\d$"):
        require(re.search("(?m)^" + line, info), "rl info without %r: %s" % (line, info))
    require("(XEN)" in m.run("rl dmesg"), "rl dmesg shows no line of Xen")


def works(m):
    found = re.search(r"checkup: (\d+) passed, (\d+) failed", m.run("checkup; true", limit=300))
    require(found and found[2] == "0", "checkup: %s" % (found[0] if found else "no answer"))
    output = m.run("smp 20", limit=300)
    require("2 processors, 2 used, 0 stale reads, 0 wrong forks" in output, output)


def create(m):
    m.run("rl create -q demo64.cfg name=one")
    m.run("rl create -q demo64.cfg name=two vcpus=2 memory=48")
    m.run("until rl list | grep -q '^two .* 48 *2'; do usleep 50000; done")  # vCPUs count that its kernel has brought up
    require(states(m)["one"][:2] == (32, 1), "rl list: %s" % states(m))
    require(len(re.findall(r"^two +\d+ +[01] ", m.run("rl vcpu-list"), re.M)) == 2, "two has not two vCPUs")
    require("mapped 2 pages" in m.run("grants map `rl domid two` 0 1"), "its console and store are not granted to Dom0")
    require(m.run("rl domname `rl domid two`").strip() == "two", "domid and domname disagree")


def guest(m, name, vcpus):
    with Console(m, name):
        require(m.run("nproc").strip() == str(vcpus), "not %d processors" % vcpus)
        output = m.run("checkup; true", limit=300)
        require(re.search(r"checkup: \d+ passed, 0 failed", output), "checkup in %s: %s" % (name, output))


def pause(m):
    m.run("rl pause one")
    require("p" in states(m)["one"][2], "one is not paused: %s" % states(m))
    m.run("rl unpause one")
    require("p" not in states(m)["one"][2], "one is still paused: %s" % states(m))


def store(m):
    path = "/local/domain/%s" % m.run("rl domid one").strip()
    require(m.run("rl store read %s/name" % path).strip() == "one", "the store does not know the name")
    m.run("rl rename one first")
    require("first" in states(m), "one has not its new name")


def crash(m):
    """Xen tells of vCPUs and memory as Ringlet does."""
    m.run("rl create --wait crash.cfg name=bad 'extra=run=echo,panic>/dev/crash'", 120, code=3)
    said = m.run("rl why bad")
    require(re.search(r"(?s)\(pv64\) crashed.*by [0-9a-f]{16} panic\+.*by [0-9a-f]{16} crash_panic\+", said), "rl why says: " + said)


def end(m):
    m.run("rl shutdown -w first")
    m.run("rl destroy two")
    m.run("while [ `rl list | wc -l` -gt 2 ]; do sleep 0.1; done", limit=60)
    before = free_pages(m)
    m.run("rl create -q demo64.cfg; rl destroy demo64")
    # Xen's own heap may keep a few pages.
    require(free_pages(m) > before - 64, "%d pages free, then %d" % (before, free_pages(m)))


def refuse(m):
    require("this hypervisor has none" in m.run("rl stats one 2>&1", code=1), "rl stats does not say why not")
    said = m.run("rl create -q demo32.cfg 2>&1", code=1)
    require("refuses to run a pv32 domain" in said, "a pv32 domain on a Xen without 32-bit PV: " + said)
    require("demo32" not in states(m), "what could not be built is left: %s" % states(m))


def power_off(m):
    m.send("poweroff -f\n")
    m.expect("Hardware Dom0 halted: halting machine")


def facts():
    """What the report needs to be fair: Xen's options and mitigations, found in its log."""
    found = cost.xen_facts(LOG)
    require("dom0_max_vcpus=2" in found.get("xen_options", ""), "its options: %s" % found)
    for word in ("Xen settings: ", "Compiled-in support: ", "XPTI "):
        require(any(line.startswith(word) for line in found["xen_says"]), "it says nothing of %s: %s" % (word, found))


def main():
    tap = Tap()
    with Machine(hosts.arguments("xen", 512, "dom0_mem=128M dom0_max_vcpus=2", MODULES),
                 LOG, limit=580) as m:
        if tap.step("the teaching kernel is Dom0 of Xen, and rl sees its machine", lambda: dom0(m)):
            tap.step("Dom0 works on two processors", lambda: works(m))
            tap.step("rl creates domains", lambda: create(m))
            tap.step("a domain works", lambda: guest(m, "one", 1))
            tap.step("a domain works on two vCPUs", lambda: guest(m, "two", 2))
            tap.step("rl pauses a domain", lambda: pause(m))
            tap.step("the store has it, and rl renames it", lambda: store(m))
            tap.step("what Xen has not is refused with a reason", lambda: refuse(m))
            tap.step("a crash report names the kernel's functions", lambda: crash(m))
            for language in hello.built():
                tap.step("the hello guest in %s" % hello.NAMES[language], lambda l=language: hello.created(m.run, "rl", l, hello.ENDED))
            tap.step("domains end, and give all back", lambda: end(m))
            tap.step("Dom0 ends the machine", lambda: power_off(m))
    tap.step("its log says what it was told, and what it does against speculation", facts)
    tap.end()


main()
