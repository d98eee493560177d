#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many domains, and domains that have much to say: what one costs does not depend on how many others there are. Counted
under -icount, where time is instructions, by the time that Dom0's vCPU has had.

scale.py short: 40 domains, 24 that talk. scale.py long: 250 and 100, and a table.
"""

import os
import re
import sys

from machine import BUILD, Machine, Tap, require

LONG = sys.argv[1] == "long"
COUNTS = [1, 25, 100, 250] if LONG else [1, 10, 40]
TALKERS = [1, 8, 24, 100] if LONG else [1, 24]
FACTOR = 1.3  # what one may cost beside MANY, of what the first costs
MANY = 250
NAP = 0.01
NAPS = 50
NAP_MAX = 0.02  # beside talkers
LOG = os.path.join(BUILD, "tests", "scale-%s.log" % sys.argv[1])
SHELL = r"[#$] (\x1b\[6n)?$"
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=256M noreboot guest_loglvl=none"  # guests speak by their rings alone
LINES = 200  # of a kernel
HERE = "here"  # what each guest says

SCRIPT = r"""
t() { rl list --json 0 | sed -n 's/.*cpu_time_ns": \([0-9]*\).*/\1/p'; }
cost() { a=$(t); b=$(t); "$@" > /tmp/out 2>&1; e=$?; c=$(t); echo "cost $((c - b - (b - a)))"; return $e; }
mk() { n=$1; while [ $n -le $2 ]; do rl create -q tiny.cfg name=t$n || return 1; n=$((n + 1)); done; }
bytes() { s=0; for f in /run/rl/console/*/log; do n=$(od -A n -t u4 -j 8 -N 4 $f); s=$((s + n)); done; echo $s; }
up() { read a b < /proc/uptime; echo ${a%.*}${a#*.}; }
words() { for i in 1 2 3 4 5 6 7 8 9 10; do echo keys 40000 > /run/rl/consoled.ctl; done; }
mkfifo /tmp/silent; exec 3<> /tmp/silent
nap() { read -t 0.01 -u 3 x; }
"""


def cost(m, command, code=0):
    """What `command` costs Dom0, in millions of instructions."""
    return int(re.search(r"cost (-?\d+)", m.run("cost " + command, 300, code))[1]) / 1e6


def boot(m):
    m.expect(SHELL, 200)
    for line in SCRIPT.strip().splitlines():
        m.send(line + "\n")
    # Twice, for what the tools need the first time, and Dom0's own pages.
    m.run("for i in 1 2; do rl create -q tiny.cfg name=x; rl list; rl store ls /; rl destroy x; done > /dev/null", 60)


class Scale:
    """Costs with few domains and with many: {count: {what: cost}}."""

    def __init__(self, m):
        self.m, self.made, self.costs = m, 0, {}

    def once(self, count):
        m = self.m
        c = {"create": cost(m, "rl create -q tiny.cfg name=x"), "list": cost(m, "rl list")}
        lines = len(m.run("cat /tmp/out").splitlines())
        require(lines == count + 2, "rl list shows %d lines of %d domains" % (lines, count + 1))
        c["store walk"] = cost(m, "rl store ls /")
        require(len(re.findall(r"ring-ref", m.run("grep ring-ref /tmp/out"))) == 2 * count, "the walk does not find every home")
        c["list of one"] = cost(m, "rl list x")
        c["refused"] = cost(m, "rl create -q tiny.cfg name=y memory=90000", 1)
        require("left to give" in m.run("cat /tmp/out"), "not refused for lack of memory")
        c["words to rl-consoled"] = cost(m, "words")
        c["destroy"] = cost(m, "rl destroy x")
        return c

    def measure(self, count):
        m = self.m
        if count - 1 > self.made:
            m.run("mk %d %d" % (self.made + 1, count - 1), 900)
            self.made = count - 1
        # The less of two: now and then a daemon puts its things in order, meanwhile.
        first, second = self.once(count), self.once(count)
        c = {what: min(first[what], second[what]) for what in first}
        self.costs[count] = c
        print("# %d domains: " % count + ", ".join("%s %.2f" % item for item in c.items()))

    def each(self, what):
        """What each domain more adds to something that has a part for each, between the counts that were measured."""
        pairs = zip(COUNTS, COUNTS[1:])
        return [(self.costs[b][what] - self.costs[a][what]) / (b - a) for a, b in pairs]

    def judge(self):
        first, last = self.costs[COUNTS[0]], self.costs[COUNTS[-1]]
        for what in ("create", "destroy", "list of one", "words to rl-consoled"):
            require(last[what] <= FACTOR * first[what],
                    "%s costs %.2f million instructions with %d domains, %.2f with one" % (what, last[what], COUNTS[-1], first[what]))
        # If each domain more costs what it has cost here, how much is it beside MANY?
        for what in ("create", "destroy", "words to rl-consoled"):
            many = last[what] + (MANY - COUNTS[-1]) * self.each(what)[-1]
            require(many <= FACTOR * first[what],
                    "%s would cost %.2f million instructions with %d domains, %.2f with one" % (what, many, MANY, first[what]))
        for what in ("list", "store walk"):
            each = self.each(what)
            require(each[-1] <= FACTOR * each[0], "%s: each domain costs %s, with more and more of them" % (what, each))
        for count, c in self.costs.items():
            require(c["refused"] < c["create"] / 2, "a refused domain costs %.2f with %d" % (c["refused"], count))

    def consoles(self):
        """Each of them has said its word."""
        heard = self.m.number("n=0; for f in /run/rl/console/*/log; do grep -q %s $f && n=$((n+1)); done; echo $n" % HERE, 200)
        alive = self.m.number("ls -d /run/rl/console/*/attached | wc -l")
        require(alive == self.made, "%d of %d consoles are attached" % (alive, self.made))
        require(heard >= self.made, "%d of %d guests were heard" % (heard, self.made))

    def all_go(self):
        self.m.run("for i in $(rl list | sed -n 's/^t[0-9]* *\\([0-9]*\\) .*/\\1/p'); do rl destroy $i || exit 1; done", 900)
        require(len(self.m.run("rl list").splitlines()) == 2, "some are left")


class Talk:
    """Bytes per million instructions, and what a nap of Dom0 takes: {(how, count): (bytes, nap)}."""

    def __init__(self, m):
        self.m, self.seen = m, {}

    def measure(self, how, count, before):
        m = self.m
        for n in range(before, count):
            m.run("rl create -q tiny.cfg name=k%d extra=%s" % (n, how), 200)
        out = m.run("sleep 0.1; a=$(bytes); u=$(up); sleep 0.3; b=$(bytes); v=$(up); echo r $((b - a)) $((v - u))", 300)
        moved, took = map(int, re.search(r"r (\d+) (\d+)", out).groups())
        out = m.run("u=$(up); for i in $(seq %d); do nap; done; v=$(up); echo r $((v - u))" % NAPS, 300)
        nap = int(re.search(r"r (\d+)", out)[1]) * 0.01 / NAPS
        self.seen[how, count] = moved / (took * 10), nap
        print("# %d that %s: %.0f bytes per million instructions, a nap of %.0f ms takes %.1f" %
              (count, how, moved / (took * 10), NAP * 1000, nap * 1000))

    def run(self, how):
        before = 0
        for count in TALKERS:
            self.measure(how, count, before)
            before = count
        self.m.run("for n in $(seq 0 %d); do rl destroy k$n; done" % (before - 1), 900)
        first = self.seen[how, TALKERS[0]][0]
        for count in TALKERS:
            total, nap = self.seen[how, count]
            # Of those that compute, too, it is the processor that is shared.
            require(how == "busy" or total >= 0.9 * first, "%d that %s are worth %.0f bytes, one %.0f" % (count, how, total, first))
            # And of a hundred that compute Dom0 is one, with a hundredth of it.
            require(nap <= NAP_MAX or (how == "busy" and count > 24), "beside %d that %s a nap takes %.1f ms" % (count, how, nap * 1000))


def mute(m):
    """A domain that cannot get a console is not made, and the command says why at once."""
    before = m.run("rl list")
    last = m.number("rl create -q tiny.cfg name=x; rl domid x; rl destroy x")
    m.run("mkdir -p /run/rl/console/%d/in/way" % (last + 1))
    took = cost(m, "rl create -q tiny.cfg name=x", 1)
    said = m.run("cat /tmp/out")
    require("has no console: " in said and "/in: " in said, said)
    require(took < 20, "it takes %.1f" % took)
    rest = [line.split()[0] for line in m.run("rl list").splitlines()]
    require(rest == [line.split()[0] for line in before.splitlines()], "a domain is left: %s" % rest)
    m.run("rl create -q tiny.cfg name=x && rl destroy x")


def events(m):
    """A kernel's line, with its end of line, is one event."""
    stats = m.run("rl stats --on; rl create -q demo64.cfg name=lines 'extra=run=sleep,3;for,i,in,$(seq,%d);do,echo,a,line;done'; "
                  "until grep -q 'a line' /run/rl/console/$(rl domid lines)/log; do rl stats --reset; sleep 0.1; done; sleep 2; "
                  "rl stats lines; rl stats --off" % LINES, 120)
    sent = re.search(r"hypercall event_channel_op +(\d+) ", stats)
    require(sent, "no event was counted: " + stats)
    sent = int(sent[1])
    print("# %d lines are %d events" % (LINES, sent))
    require(sent < 1.2 * LINES, "%d lines are %d events" % (LINES, sent))
    m.run("rl destroy lines")


def table(scale, talk):
    print("# %-14s" % "domains" + "".join("%9d" % n for n in COUNTS))
    for what in scale.costs[1]:
        print("# %-14s" % what + "".join("%9.2f" % scale.costs[n][what] for n in COUNTS))
    for what in ("list", "store walk"):
        print("# %-14s" % (what + ", each") + " " * 9 + "".join("%9.3f" % each for each in scale.each(what)))
    print("# %-14s" % "that talk" + "".join("%9d" % n for n in TALKERS))
    for how in sorted({how for how, _ in talk.seen}):
        print("# %-14s" % (how + ", bytes") + "".join("%9.0f" % talk.seen[how, n][0] for n in TALKERS))
        print("# %-14s" % (how + ", nap ms") + "".join("%9.1f" % (talk.seen[how, n][1] * 1000) for n in TALKERS))


def main():
    tap = Tap()
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-scale.cpio"))
    with Machine(["-m", "3G" if LONG else "1G", "-cpu", "max", "-icount", "shift=0,sleep=off",
                  "-kernel", os.path.join(BUILD, "ringlet.elf"), "-append", OPTIONS, "-initrd", initrd],
                 LOG, limit=4000 if LONG else 850) as m:
        if tap.step("Dom0 starts", lambda: boot(m)):
            scale, talk = Scale(m), Talk(m)
            for count in COUNTS:
                tap.step("%d domains" % count, lambda n=count: scale.measure(n))
            tap.step("one costs the same among many", scale.judge)
            tap.step("all consoles work", scale.consoles)
            tap.step("all go", scale.all_go)
            for how in ("talk", "spin", "busy"):
                tap.step("guests that %s" % how, lambda h=how: talk.run(h))
            tap.step("no domain without a console", lambda: mute(m))
            tap.step("a line is one event", lambda: events(m))
            if LONG:
                table(scale, talk)
    tap.end()


main()
