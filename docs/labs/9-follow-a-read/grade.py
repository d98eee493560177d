#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 9: guests of both kinds with the student's front end use a disk that rl-blkd serves. The hypervisor counts their events and
traces their copies, and its clock counts instructions; answers are compared with that.
"""

import json
import os
import re

from grading import BUILD, COUNTED, HANG, Judged, Points, answers, make, require
from main_job import SHELL, Console

LAB = "docs/labs/9-follow-a-read"
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=160M noreboot"
IMAGES = [os.path.join(BUILD, f) for f in ("ringlet.elf", "guest/kernel-pv64.elf", "dom0.cpio")]
KINDS = ("pv64", "pv32")
MIB = 4
READS, WRITES = 32, 256
PATIENCE = 60  # seconds of the machine's own clock: instructions
FEW_EVENTS = WRITES // 8
WITHIN, RATIO_WITHIN = 0.2, 0.03
ROWS = {"large": (1, READS), "small": (3, READS), "writes": (4, WRITES)}  # of `disk speed`
PAGES = {"large": 16, "small": 1}  # in each request
SEGMENT_BYTES, DIRECT = 8, 11  # io/blkif.h
SEND = "hypercall event_channel_op"
EVENTS_WITHIN = {"small": READS // 3, "writes": WRITES // 10}  # those of the console come on top, as the host types
WORKS = "%s: what is read is what was written"


def reasons(m, name):
    """How often the domain came into the hypervisor since it was counted, by reason."""
    found = {}
    for vcpu in json.loads(m.run("rl stats --json " + name))["vcpus"]:
        for r in vcpu["reasons"]:
            found[r["reason"]] = found.get(r["reason"], 0) + r["count"]
    return found


def patiently(m, name, command):
    """In the guest; what the command prints, or None if it does not end."""
    with Console(m, name):
        said = m.run("rm -f /tmp/over; (%s; touch /tmp/over) > /tmp/said 2>&1 & n=0; while [ $((n += 1)) -le %d ] && [ ! -e /tmp/over ]; "
                     "do sleep 1; done; cat /tmp/said; [ -e /tmp/over ] && echo it has ended" % (command, PATIENCE), HANG, None)
    return said.replace("it has ended", "") if "it has ended" in said else None


def start(m, kind):
    """A guest, and then its disk: a kernel whose disk does not answer still has its shell."""
    m.run("[ -e /tmp/disk ] || dd if=/dev/zero of=/tmp/disk bs=64k count=%d 2>/dev/null; rl create -q demo%s.cfg name=%s memory=32"
          % (MIB * 16, kind[2:], kind))
    m.run("rl block-attach %s /tmp/disk,raw,xvda,w" % kind, HANG, None)
    said = patiently(m, kind, "until [ -b /dev/xvda ]; do sleep 1; done")
    require(said is not None, "its disk does not appear. Its first read looks for partitions: does the back end hear of it, and are its "
            "answers taken?")


def whole(m, kind):
    said = patiently(m, kind, "disk check /dev/xvda")
    require(said is not None, "a request is never answered. Whoever waits for an event must get one: when does rl-blkd wait?")
    require("are what was written" in said, "what is read is not what was written: " + said.strip()[-200:])


def run(m, kind, row, count):
    """{domain: reasons}, and the microseconds of a request. The line is as long whatever the count is: it is typed by events, too."""
    before = {d: reasons(m, d) for d in ("Domain-0", kind)}
    said = patiently(m, kind, "disk speed /dev/xvda %d %03d" % (row, count))
    found = re.search(r"([\d.]+) us each", said or "")
    require(found, "disk speed came to no end: %s" % said)
    return {d: {r: n - before[d].get(r, 0) for r, n in reasons(m, d).items()} for d in before}, float(found[1])


def measure(m, kind, row, count):
    """(instructions of everybody for a request, {domain: {reason: how often, for all requests but one}})"""
    one = run(m, kind, row, 1)[0]
    all_, each = run(m, kind, row, count)
    return 1000 * each, {d: {r: n - one[d].get(r, 0) for r, n in all_[d].items()} for d in all_}


def traced(m, kind):
    """What Dom0 copied while the guest read 64 KiB at a time: {(to or from, bytes): how often}."""
    m.run("(rl trace -o /tmp/trace -t 600 -n 60000 > /dev/null) & sleep 1", HANG)
    require(patiently(m, kind, "disk speed /dev/xvda %d %d" % ROWS["large"]) is not None, "the reads come to no end")
    m.run("kill -INT $(pidof rl); wait", HANG, None)
    text = m.run(r"grep -oE '\"name\":\"copy (to|from)\".*\"bytes\":[0-9]+' /tmp/trace | sed 's/.*copy \([a-z]*\).*:/\1 /' | sort | uniq -c", HANG)
    return {(way, int(size)): int(n) for n, way, size in re.findall(r"(\d+) (to|from) (\d+)", text)}


class Seen:
    """What a guest of one kind did."""

    def __init__(self):
        self.cost, self.counts, self.copies = {}, {}, {}

    def measure(self, m, kind):
        for name, (row, count) in ROWS.items():
            self.cost[name], self.counts[name] = measure(m, kind, row, count)
        self.copies = traced(m, kind)

    def sent(self, kind, name):
        return self.counts[name][kind].get(SEND, 0)

    def lists(self):
        """{segments: how many lists of so many rl-blkd fetched}: those of indirect requests."""
        return {size // SEGMENT_BYTES: n for (way, size), n in self.copies.items() if way == "from" and size > DIRECT * SEGMENT_BYTES}


def watch(m, kind, seen):
    """The disk must be sound before anything about it counts."""
    start(m, kind)
    whole(m, kind)
    seen.measure(m, kind)


def tells_once(seen, kind):
    small, writes = seen.sent(kind, "small"), seen.sent(kind, "writes")
    require(writes <= FEW_EVENTS, "for %d writes of 4 KiB at random the guest sent %d events. They lie ready together, and rl-blkd takes all "
            "that it finds" % (WRITES, writes))
    require(small >= READS // 2, "for %d reads, each of which waits for the one before, it sent %d events" % (READS, small))


def indirect(seen):
    pages = sum(segments * n for segments, n in seen.lists().items())
    require(pages >= READS * PAGES["large"], "of %d pages that were read in large requests, rl-blkd found %d in lists of segments"
            % (READS * PAGES["large"], pages))


def numbers(given, question, n):
    words = given.get(question, [])
    require(len(words) == n and all(re.fullmatch(r"\d+(\.\d+)?", w) for w in words), "%s: wanted are %d numbers" % (question, n))
    return [float(w) for w in words]


def figure(given, seen, at):
    name = ("small", "large")[at]
    mine, truth = numbers(given, "read.each", 2)[at], seen.cost[name] / PAGES[name]
    require(abs(mine - truth) <= WITHIN * truth, "%g is not what is measured here" % mine)


def ratio(given):
    small, large = numbers(given, "read.each", 2)
    mine = numbers(given, "read.gain", 1)[0]
    require(large and abs(mine - small / large) <= RATIO_WITHIN * small / large, "%g does not follow from your figures" % mine)


def longest(given, seen):
    require(numbers(given, "read.segments", 1)[0] == max(seen.lists(), default=DIRECT), "the longest request that is seen here has another number")


def events(given, seen, at):
    name = ("small", "writes")[at]
    mine, truth = numbers(given, "events", 2)[at], seen.sent("pv64", name)
    require(abs(mine - truth) <= EVENTS_WITHIN[name], "%g is not what is counted here" % mine)


def calls(given, seen, domain, question):
    """Hypercalls that each read of 4 KiB makes."""
    named = set(given.get(question, []))
    require(len(named) >= 2, "%s: name two or more" % question)
    for name in named:
        n = seen.counts["small"][domain].get("hypercall " + name, 0)
        require(n >= READS // 2, "%s: %s was called %d times by %s for %d reads" % (question, name, n, domain, READS))


def main():
    points = Points()
    given, seen = {}, {kind: Seen() for kind in KINDS}
    built, booted, read = "the kernels compile", "Dom0 boots", "the answers can be read"
    points.setup(built, lambda: make(*IMAGES))
    points.setup(read, lambda: given.update(answers(os.path.join(LAB, "answers.txt"))))

    def boot(m):
        require(built not in points.broken, "there is no kernel to boot")
        m.expect(SHELL, HANG)
        m.run("rl stats --on")

    with Judged(["-m", "512", "-cpu", "max", *COUNTED, "-kernel", IMAGES[0], "-append", OPTIONS, "-initrd", ",".join(IMAGES[1:])],
                os.path.join(BUILD, "labs", "9-follow-a-read", "log"), limit=2 * HANG) as m:
        points.setup(booted, lambda: boot(m))
        for kind in KINDS:
            works = WORKS % kind
            points.setup(works, lambda: watch(m, kind, seen[kind]))
            points.point("%s: a batch is told of once" % kind, lambda: tells_once(seen[kind], kind), 3, [built, booted, works])
            points.point("%s: what is large goes in one request" % kind, lambda: indirect(seen[kind]), 3, [built, booted, works])
            m.run("rl destroy %s" % kind, HANG, None)
    works, pv64 = WORKS % "pv64", seen["pv64"]
    for at, what in enumerate(("a read of 4 KiB", "4 KiB of a read of 64 KiB")):
        points.point("instructions of %s" % what, lambda: figure(given, pv64, at), 1, [read, works])
    points.point("how much large reads gain", lambda: ratio(given), 1, [read])
    points.point("segments of the longest request", lambda: longest(given, pv64), 1, [read, works])
    for at, what in enumerate(("reads, one after the other", "writes, of which many wait")):
        points.point("events of %s" % what, lambda: events(given, pv64, at), 1, [read, works])
    for domain, question in (("pv64", "calls.guest"), ("Domain-0", "calls.dom0")):
        points.point("hypercalls of %s for a read" % domain, lambda: calls(given, pv64, domain, question), 1, [read, works])
    points.end()


if __name__ == "__main__":
    main()
