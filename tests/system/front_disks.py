# SPDX-License-Identifier: MIT
"""The teaching kernel's disks (guest-kernel/drivers/blkfront.c) by whatever serves them: Linux's blkback with xl, rl-blkd with rl, on
Ringlet and on Xen. The steps are done in a Dom0 whose shell is there; `folder` becomes a
file system in memory.

A line for the guest is typed by `rl console`, which shows what either tool's guests say.
"""

import re

from machine import require

MIB = 4


class Guest:
    """`run(line)` runs a line in Dom0's shell, and gives its output; `tool` is rl or xl."""

    def __init__(self, run, tool, kind, folder, config):
        self.run, self.tool, self.folder, self.config = run, tool, folder, config
        self.name = "demo" + kind
        self.lines = 0

    def dom0(self, line, limit=400):
        return self.run(line, limit)

    def ask(self, line):
        """In the guest's shell; its output. The line has no single quotes."""
        self.lines += 1
        # The guest's shell computes the number: the echo of the line is not taken for what it prints. What a client of xenconsoled has
        # seen, the next one does not.
        self.dom0("echo 'echo from-$((%d + 0)); %s; echo to-$((%d + 0))' > /tmp/keys; rl console %s < /tmp/keys > /tmp/said" %
                  (self.lines, line, self.lines, self.name))
        text = self.dom0("until grep -q '^to-%d' /tmp/said; do sleep 0.2; rl console %s < /dev/null >> /tmp/said; done; cat /tmp/said" %
                         (self.lines, self.name), 900)
        # rl-consoled repeats what was said before to each client: only the last time was it whole.
        found = re.search(r"(?s).*from-%d\b(.*?)to-%d\b" % (self.lines, self.lines), text)
        require(found, "%s: no answer to %r: %r" % (self.name, line, text[-600:]))
        return found[1]

    def file(self, name, mib=MIB):
        """A file of chance in Dom0: its path."""
        path = "%s/%s" % (self.folder, name)
        self.dom0("dd if=/dev/urandom of=%s bs=64k count=%d 2>/dev/null" % (path, mib * 16))
        return path

    def same(self, path, disk):
        """Dom0 and the guest see the same contents."""
        there = re.search(r"[0-9a-f]{64}", self.ask("sync; sha256sum /dev/%s" % disk))
        here = re.search(r"[0-9a-f]{64}", self.dom0("sha256sum " + path))
        require(there and here and there[0] == here[0], "%s: %s in the guest, %s in Dom0" % (disk, there, here))

    def row(self, number):
        """State of a disk, as block-list has it; None: it is not there."""
        found = re.search(r"(?m)^%d +\d+ +\d+ +(\d)" % number, self.dom0("%s block-list %s" % (self.tool, self.name)))
        return found and found[1]


def begins(g):
    """The disk is there when the first program starts, and has Dom0's contents."""
    g.dom0("mkdir -p %s; mount -t tmpfs disks %s" % (g.folder, g.folder))
    path = g.file("a")
    g.dom0("%s create -q %s 'disk=[\"%s,raw,xvda,w\"]'" % (g.tool, g.config, path))
    require(re.search(r"202 +0 +%d xvda\n" % (MIB << 10), g.ask("cat /proc/partitions")), "no xvda of %d MiB" % MIB)
    g.same(path, "xvda")
    require(g.row(51712) == "4", "block-list does not say that it is connected")


def works(g):
    """Several writers; what they write is there when it is read from the disk again, and in Dom0."""
    said = g.ask("disk check /dev/xvda")
    require("are what was written" in said, said)
    g.same(g.folder + "/a", "xvda")


def comes_and_goes(g):
    """Attached while the guest runs; one that may only be read; taken away idle, and under load."""
    paths = [g.file(name, 1) for name in "bc"]
    g.dom0("%s block-attach %s %s,raw,xvdb,w; %s block-attach %s %s,raw,xvdc,r" % (g.tool, g.name, paths[0], g.tool, g.name, paths[1]))
    g.ask("until [ -b /dev/xvdb ] && [ -b /dev/xvdc ]; do sleep 0.1; done")
    for path, disk in zip(paths, ("xvdb", "xvdc")):
        g.same(path, disk)
    require("not permitted" in g.ask("dd if=/dev/zero of=/dev/xvdc bs=4k count=1 conv=notrunc 2>&1"), "xvdc can be written")
    # It never makes a file of that name, as dd would between two rounds.
    g.ask("(while disk check /dev/xvdb; do :; done; echo over) > /tmp/busy 2>&1 & true")
    for disk in ("xvdc", "xvdb"):
        g.dom0("%s block-detach %s %s" % (g.tool, g.name, disk))
    said = g.ask("until grep over /tmp/busy; do sleep 0.1; done; tail -n 4 /tmp/busy; echo left: /dev/xvd*")
    require(re.search("I/O error|No such (file|device)", said), "the writer has not noticed: " + said)
    require("left: /dev/xvda\n" in said, "the names are wrong: " + said)
    require(g.row(51712) == "4" and not g.row(51728), "block-list is wrong")
    g.dom0("%s block-attach %s %s,raw,xvdb,w" % (g.tool, g.name, paths[0]))
    g.ask("until [ -b /dev/xvdb ]; do sleep 0.1; done")
    g.same(paths[0], "xvdb")


def ends(g):
    g.dom0("%s destroy %s; until umount %s; do sleep 0.2; done" % (g.tool, g.name, g.folder))


def new_size(g):
    """rl-blkd notices by itself that the file has become longer."""
    g.dom0("truncate -s %dM %s/a" % (MIB + 1, g.folder))
    g.ask("until grep -q \" %d xvda$\" /proc/partitions; do sleep 0.2; done" % ((MIB + 1) << 10))
    g.same(g.folder + "/a", "xvda")


def restarted(g):
    """rl-blkd is killed under load: the guest waits, and goes on."""
    g.ask("(disk check /dev/xvda; disk check /dev/xvda) > /tmp/checks 2>&1 &  true")
    for _ in range(2):
        g.dom0("old=\"$(pidof rl-blkd)\"; kill -9 $old; until new=$(pidof rl-blkd) && [ \"$new\" != \"$old\" ]; do sleep 0.1; done")
    said = g.ask("wait; cat /tmp/checks")
    require(said.count("are what was written") == 2, said)
    g.same(g.folder + "/a", "xvda")


BLKD = (("a new size is seen", new_size), ("rl-blkd is killed under load", restarted))


def steps(run, tool, kind, folder, config, more=()):
    """[(name, function)], to be done in this order. `more`: what this back end can do besides."""
    g = Guest(run, tool, kind, folder, config)
    parts = (("a disk from the beginning", begins), ("writers side by side", works)) + tuple(more) + (
        ("disks come and go, under load too", comes_and_goes), ("the end", ends))
    return [("the teaching kernel's disks, %s, demo%s: %s" % (tool, kind, name), lambda step=step: step(g)) for name, step in parts]
