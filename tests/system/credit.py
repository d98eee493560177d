#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The credit scheduler (sched=credit) and `rl sched-credit`, with guests that compute all the time, under -icount: their shares over
seconds of the machine's clock, on one processor and on two.

tests/host/test_credit.c has the policy alone, on more processors and in more situations.
"""

import json
import os
import re
import sys

from machine import BUILD, Machine, Tap, audit, require

SHELL = r"[\w-]+:/root# (\x1b\[6n)?$"
BUSY = "rl create -q demo64.cfg name=%s memory=16 'extra=run=while,true;do,:;done'"
SECONDS = 6


class Guests:
    def __init__(self, m, names):
        self.m, self.names = m, names
        for name in names:
            m.run(BUSY % name, 200)
        m.run("sleep 4", 200)  # their kernels have started

    def times(self):
        """Seconds that each guest has run, and the machine's clock. Printing takes the machine seconds, by its clock: later."""
        text = self.m.run("rl list --json > /tmp/list; cat /proc/uptime > /tmp/now; cat /tmp/list /tmp/now", 100)
        rows = json.loads(text[text.index("["):text.rindex("]") + 1])
        ran = {r["name"]: r["cpu_time_ns"] / 1e9 for r in rows}
        return [ran[n] for n in self.names] + [float(re.findall(r"(?m)^([\d.]+) [\d.]+\s*$", text)[-1])]

    def shares(self, wanted, within, spread=100):
        """Each guest has its percentage of one processor; the most that one has and the least are no more than `spread` apart."""
        before = self.times()
        self.m.run("sleep %d" % SECONDS, 300)
        delta = [b - a for a, b in zip(before, self.times())]
        got = [100 * d / delta[-1] for d in delta[:-1]]
        print("# " + ", ".join("%s %.1f %%" % pair for pair in zip(self.names, got)))
        for share, want in zip(got, wanted):
            require(abs(share - want) <= within, "shares are %s, and not %s" % (got, wanted))
        require(max(got) - min(got) <= spread, "shares of %s are not alike" % got)


def columns(m, g):
    text = m.run("rl sched-credit").replace("\r", "")
    rows = "".join("%-33s %4d %6d %4d\n" % (name, i, 256, 0) for i, name in enumerate(["Domain-0"] + g.names))
    require("Cpupool Pool-0: tslice=30ms ratelimit=1000us migration-delay=0us\n%-33s   ID Weight  Cap\n%s" % ("Name", rows) in text, text)
    m.run("rl sched-credit -d b -w 512; rl sched-credit -d a -c 30")
    require(re.search(r"(?m)^b .* 512    0$", m.run("rl sched-credit -d b").replace("\r", "")), "no new weight")
    require(re.search(r"(?m)^a .* 256   30$", m.run("rl sched-credit -d a").replace("\r", "")), "no new cap")
    m.run("rl sched-credit -d a -c 0")
    for wrong in ("-w 5", "-d a -w 0", "-d a -w x", "-d a -c 65535", "-p Pool-1", "-s -t 0", "-s -t 5 -d a"):
        m.run("rl sched-credit " + wrong, code=2)
    m.run("rl sched-credit -d nobody", code=1)
    m.run("rl sched-credit -s -t 5 -r 6000", code=1)
    m.run("rl sched-credit -s -t 10")
    require("tslice=10ms" in m.run("rl sched-credit -s"), "no new slice")
    m.run("rl sched-credit -s -t 30")


def machine(processors, policy="credit"):
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0.cpio"))
    return Machine(["-m", "320", "-smp", str(processors), "-cpu", "max", "-icount", "shift=4,sleep=off", "-kernel",
                    os.path.join(BUILD, "ringlet.elf"), "-append",
                    "console=com1 com1=115200,8n1 dom0_mem=128M dom0_max_vcpus=1 noreboot sched=" + policy, "-initrd", initrd],
                   os.path.join(BUILD, "tests", "credit-%d.log" % processors), limit=600)


def one(tap):
    with machine(1) as m:
        m.expect(SHELL, 200)
        g = Guests(m, ["a", "b"])
        tap.step("rl sched-credit: xl's columns, weights, caps, refusals", lambda: columns(m, g))
        tap.step("weights 256 and 512", lambda: g.shares((33.3, 66.7), 2.5))
        m.run("rl sched-credit -d a -c 20")
        tap.step("a cap of 20 percent", lambda: g.shares((20, 80), 2.5))
        m.run("rl destroy b")
        g.names = ["a"]
        tap.step("a cap on an empty machine", lambda: g.shares((20,), 2))
        m.run("rl destroy a")
        tap.step("it is healthy", lambda: audit(m))


def two(tap):
    with machine(2) as m:
        m.expect(SHELL, 200)
        g = Guests(m, ["a", "b", "c"])
        # Two processors take turns in QEMU, so the clock of a measurement is less exact than what is compared.
        tap.step("three guests on two processors", lambda: g.shares((66.7, 66.7, 66.7), 14, 3))


def none(tap):
    with machine(1, "rr") as m:
        m.expect(SHELL, 200)
        tap.step("without it, a sentence", lambda: require("sched=credit" in m.run("rl sched-credit 2>&1", code=1), "it says nothing of it"))


def main():
    tap = Tap()
    one(tap)
    two(tap)
    none(tap)
    tap.end()


if __name__ == "__main__":
    sys.exit(main())
