#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A hostile kernel in fv domains (tests/fv-hostile), beside a guest that works.

Whatever it does, the hypervisor, Dom0 and the other guest go on, and the auditor finds every count and account right. Cases
that leave the kernel alive must find nothing wrong; those that no kernel survives end with a sentence in the log. The timer as
fast as it goes costs little, and nothing while the domain is paused; code in every page of its memory does not fill the
hypervisor's. In the end every frame has come back. Argument: the processor.
"""

import os
import re
import sys

from machine import BUILD, Machine, Tap, audit, require

SHELL = r"[\w-]+:/root# (\x1b\[6n)?$"
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=128M noreboot loglvl=all guest_loglvl=all"
HOSTILE = "fv.cfg name=%s kernel=/boot/hostile.elf ramdisk= 'extra=virtual %s' memory=8 on_crash=destroy on_reboot=destroy"
LIVES = "far int iret cr msr ports wrap selfmap doors".split()
DIES = "die-gdt die-idt die-tss die-stack die-ss die-vm86 die-real die-paging die-root die-nowhere".split()
TIMER_MOST = 4000  # of a channel, in a second
OTHERS_MOST = 2500  # timers of all else: ticks, slices and naps of Dom0 and the other guest


def free_pages(m):
    return int(re.search(r"free_pages\s*:\s*(\d+)", m.run("rl info"))[1])


def others_live(m):
    """The other guest's processor time grows."""
    def used():
        return float(re.search(r"^busy\s.*?([\d.]+)\s*$", m.run("rl list"), re.M)[1])
    before = used()
    for _ in range(20):
        m.run("sleep 0.5")
        if used() > before:
            return
    require(False, "the other guest stands still")


def last_console(m):
    return m.run("cat $(ls -d /run/rl/console/*/log | sort -V | tail -1)")


def lives(m, case):
    m.run("timeout 90 rl create -q --wait %s; rl destroy %s 2> /dev/null" % (HOSTILE % (case, case), case), 120, None)
    text = last_console(m)
    found = re.search(r"case %s: (\d+) tried, (\d+) faulted" % case, text)
    require(found, "it did not end: " + text)
    print("# %s: %s tried, %s faulted" % (case, found[1], found[2]))
    require("wrong: 0" in text and "hostile: end" in text, text)
    audit(m)


def dies(m, case):
    m.run("rl dmesg -c > /dev/null")
    m.run("timeout 30 rl create -q --wait %s; rl destroy %s 2> /dev/null" % (HOSTILE % (case, case), case), 60, None)
    text = last_console(m)
    require("case %s: begins" % case in text, "it did not begin: " + text)
    require("WRONG" not in text, text)
    log = m.run("rl dmesg")
    sentence = re.search(r"^.*?d\d+.*?: ((?:triple fault|real mode|paging without|virtual|an? |no |the |its ).*)$", log, re.M)
    require("hostile: end" in text or "crash" in log, "neither an end nor a crash: " + log)
    print("# %s: %s" % (case, sentence[1] if sentence else "it went on"))
    audit(m)


def timers(m):
    """(handlers of timers that have run on all CPUs, seconds of the hypervisor's clock)"""
    m.run("rl dmesg -c > /dev/null; rl debug-keys r")
    log = m.run("rl dmesg")
    uptime = float(m.run("cat /proc/uptime").split()[0])
    return sum(int(n) for n in re.findall(r"switches, (\d+) timers", log)), uptime


def rate(m, seconds):
    """Handlers a second; the time is taken outside of the counts, so load can only make the result smaller."""
    start = float(m.run("cat /proc/uptime").split()[0])
    first = timers(m)[0]
    m.run("sleep %d" % seconds)
    second, end = timers(m)
    return (second - first) / (end - start), second - first, end - start


def fast_timer(m):
    m.run("rl create -q " + HOSTILE % ("pit", "pit"))
    m.run("sleep 1")
    running = rate(m, 3)
    m.run("rl pause pit")
    paused = rate(m, 3)
    dots = m.run("rl console -l pit").count(".")
    m.run("rl unpause pit; sleep 3")
    again = rate(m, 2)
    after = m.run("rl console -l pit").count(".")
    print("# timers a second: %d, paused %d, then %d" % (running[0], paused[0], again[0]))
    m.run("rl destroy pit")
    require(running[0] <= TIMER_MOST + OTHERS_MOST, "running: %d handlers in %.1f s" % running[1:])
    require(running[0] >= TIMER_MOST / 40, "the timer hardly runs: %d handlers in %.1f s" % running[1:])
    require(paused[0] <= OTHERS_MOST, "paused: %d handlers in %.1f s" % paused[1:])
    require(again[0] >= TIMER_MOST / 40, "after the pause: %d handlers in %.1f s" % again[1:])
    require(after > dots, "it does not go on: %d letters, then %d" % (dots, after))
    audit(m)


def overhead(m, name):
    found = re.search(r"# overhead (\d+) KiB, at most (\d+)", m.run("rl list -l " + name))
    require(found, "rl list -l does not tell")
    return int(found[1]), int(found[2])


def code_everywhere(m):
    """1,152 pages of code, of which an account of this size has room for copies of 96."""
    before = free_pages(m)
    m.run("rl create -q " + HOSTILE % ("code", "code"))
    try:
        look_at_code(m, before)
    finally:
        m.run("rl destroy code")


def look_at_code(m, before):
    for _ in range(60):
        m.run("sleep 1")
        if m.run("rl console -l code").count("!") >= 2:
            break
    require(m.run("rl console -l code").count("!") >= 2, "it did not come round twice: " + m.run("rl console -l code"))
    held, most = overhead(m, "code")
    taken = before - free_pages(m) - 8 * 256
    print("# overhead %d KiB of %d; %d pages beside its memory" % (held, most, taken))
    require(held <= most <= 2560, "overhead %d KiB of %d" % (held, most))
    require(taken <= most / 4 + 64, "%d pages are gone beside its memory" % taken)
    require("WRONG" not in m.run("rl console -l code"), m.run("rl console -l code"))
    audit(m)


def came_back(m, start):
    m.run("rl destroy busy")
    left = free_pages(m)
    require(left == start, "free pages at the start %d, in the end %d" % (start, left))


def main():
    tap = Tap()
    cpu = sys.argv[1] if len(sys.argv) > 1 else "max"
    only = sys.argv[2:]
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0-hostile.cpio"))
    with Machine(["-m", "320", "-smp", "2", "-cpu", cpu, "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", OPTIONS, "-initrd", initrd],
                 os.path.join(BUILD, "tests", "fv-hostile-%s.log" % cpu), limit=560) as m:
        m.expect(SHELL, 120)
        start = []
        m.run("rl create -q --wait fv.cfg name=first kernel=/boot/hostile.elf ramdisk= extra=virtual memory=8; "
              "rl debug-keys a; sleep 1")
        tap.step("free memory is known", lambda: start.append(free_pages(m)))
        tap.step("another guest works", lambda: (m.run("rl create -q busy.cfg name=busy"), others_live(m)))
        for case in LIVES:
            if not only or case in only:
                tap.step("it tries: " + case, lambda c=case: lives(m, c))
        for case in DIES:
            if not only or case in only:
                tap.step("it ends: " + case, lambda c=case: dies(m, c))
        if not only or "pit" in only:
            tap.step("the timer as fast as it goes", lambda: fast_timer(m))
        if not only or "code" in only:
            tap.step("code in every page", lambda: code_everywhere(m))
        tap.step("the other guest has gone on", lambda: others_live(m))
        tap.step("every frame has come back", lambda: came_back(m, start[0]))
    tap.end()


if __name__ == "__main__":
    main()
