#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Grants between domains, through the devices of the teaching kernel: each side offers to the other, and each ends in
the middle of it. No domain keeps a frame, and no entry stays marked as used.
"""
import os
import re

from machine import BUILD, Failure, Machine, Tap, require
from main_job import SHELL, Console, free_pages, rows

ROUNDS = int(os.environ.get("ROUNDS", "2"))


def boot(m):
    m.expect(r"\(ringlet\) .*2 CPUs up", 60)
    m.expect(SHELL, 120)


def create(m, kind):
    m.run("rl create -q demo%d.cfg name=g memory=24" % kind)
    return rows(m)["g"][0]


def offer(m, to):
    """Start an offer in the background; the references, as typed."""
    m.send("grants offer %d &\n" % to)
    refs = m.expect(r"offered:((?: \d+){3})\s", 30)[1]
    m.run("true")
    return refs


def take(m, of, refs):
    m.send("grants take %d%s &\n" % (of, refs))
    m.expect(r"taken \d+ pages", 30)
    m.run("true")


def in_use(m):
    """Grants in use, as the hypervisor sees it."""
    m.run("rl dmesg -c > /dev/null; rl debug-keys g")
    return re.findall(r"frame [0-9a-f]+ for d\d+", m.run("rl dmesg"))


def guest_offers(m, kind):
    """Dom0 maps; the granter ends first."""
    domid = create(m, kind)
    with Console(m, "g"):
        refs = offer(m, 0)
    take(m, domid, refs)
    require(len(in_use(m)) == 3, "three grants should be in use: %s" % in_use(m))
    m.run("rl destroy g")
    require(len(in_use(m)) == 3, "Dom0 still maps them: %s" % in_use(m))
    m.run("killall grants; sleep 1")
    require(not in_use(m), "grants in use: %s" % in_use(m))


def guest_takes(m, kind):
    """The guest maps, and ends while it does."""
    domid = create(m, kind)
    refs = offer(m, domid)
    with Console(m, "g"):
        take(m, 0, refs)
    require(len(in_use(m)) == 3, "three grants should be in use: %s" % in_use(m))
    m.run("rl destroy g")
    require(not in_use(m), "grants in use: %s" % in_use(m))
    m.run("killall grants; sleep 1")


def builder_grants(m, kind):
    """What a new domain grants from the start: its console's page and its store's, to Dom0."""
    domid = create(m, kind)
    require("mapped 2 pages" in m.run("grants map %d 0 1" % domid), "Dom0 cannot map the console and the store")
    m.run("grants map %d 2" % domid, code=1)
    require(not in_use(m), "grants in use: %s" % in_use(m))
    m.run("rl destroy g")


def rounds(m, step, kind):
    """The step, some times; a failure leaves nothing behind for the next step to stumble over."""
    try:
        for _ in range(ROUNDS):
            step(m, kind)
    except Failure:
        m.run("killall grants; rl destroy g", code=None)
        raise


def main():
    tap = Tap()
    with Machine(["-m", "512", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=128M", "-initrd",
                  "%s,%s" % (os.path.join(BUILD, "guest", "kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio"))],
                 os.path.join(BUILD, "tests", "grants.log"), limit=600) as m:
        if tap.step("Dom0 reaches its shell", lambda: boot(m)):
            # Dom0's own tables grow once, and stay.
            guest_offers(m, 64)
            guest_takes(m, 64)
            start = free_pages(m)
            for kind in (64, 32):
                for step in (guest_offers, guest_takes, builder_grants):
                    tap.step("pv%d: %s" % (kind, step.__name__.replace("_", " ")),
                             lambda s=step, k=kind: rounds(m, s, k))
            end = free_pages(m)
            tap.step("every frame is back", lambda: require(end == start, "free pages %d, then %d" % (start, end)))
    tap.end()


main()
