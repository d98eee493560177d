#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fv domains: the bare machine's kernel, byte for byte, in ring 1.

It boots to its shell on `rl console`, believes to be in ring 0, and passes the teaching kernel's own checkup;
it is listed, paused and unpaused, reboots, powers off and is destroyed as any domain; the auditor finds every
shadow in order while it runs, and in the end every frame has come back. Argument: the processor (max has UMIP,
qemu64 does not: then SGDT and its kin are patched too).
"""

import hashlib
import os
import re
import sys

from machine import BUILD, Machine, Tap, audit, require

SHELL = r"[\w-]+:/root# (\x1b\[6n)?$"
OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=128M loglvl=all guest_loglvl=all noreboot"
WORK = "for i in 1 2 3; do seq 1 $((i * 700)) > /tmp/f$i; done; cat /tmp/f1 /tmp/f2 /tmp/f3 | sha256sum | cut -c1-64"
RESULT = hashlib.sha256("".join("".join("%d\n" % n for n in range(1, i * 700 + 1)) for i in (1, 2, 3)).encode()).hexdigest()


def free_pages(m):
    return int(re.search(r"free_pages\s*:\s*(\d+)", m.run("rl info"))[1])


def first_free(m):
    """After what is allocated once and kept: the auditor's counts among it."""
    m.run("rl create -q fv.cfg && rl destroy fv; rl debug-keys a; until rl dmesg | grep -q 'audit: [0-9w]'; do usleep 20000; done")
    return free_pages(m)


def state(m, name="fv"):
    row = re.search(r"^%s\s+(\d+)\s+\d+\s+\d+\s+([-rbpscd]{6})" % name, m.run("rl list"), re.M)
    return (int(row[1]), row[2]) if row else None


def packed(m):
    m.run("gzip -c /boot/kernel-native32.elf > /tmp/k.gz && rl create -q -p fv.cfg name=packed kernel=/tmp/k.gz")
    m.run("rl destroy packed; rm /tmp/k.gz")


def enter(m, name="fv"):
    m.send("rl console %s\n" % name)
    m.expect(r"leave it with")
    m.send("\necho at$((70000 + 7))\n")
    m.expect("at70007", 60)
    m.expect(SHELL)


def leave(m):
    m.send("\x1d")
    m.run("true")


def shell(m):
    m.run("rl create -q fv.cfg")
    enter(m)
    output = m.run("dmesg | head -1; cat /proc/cpuinfo")
    require("native32, ring 0" in output, "it does not believe to be in ring 0: " + output)
    require("bare machine" in output, "it knows that the machine is not bare: " + output)


def same_bytes(m):
    ours = hashlib.sha256(open(os.path.join(BUILD, "guest", "kernel-native32.elf"), "rb").read()).hexdigest()
    require(ours in m.run("sha256sum /boot/kernel-native32.elf"), "the kernel in Dom0 is another one")


def checkup(m):
    output = m.run("checkup", 120)
    require(re.search(r"checkup: \d+ passed, 0 failed", output), output[-400:])


def work(m):
    require(RESULT in m.run(WORK, 120), "a wrong checksum")
    require("round 1: checksum" in m.run("work -r 1", 60), "work printed no sum")
    before = int(m.run("date +%s"))
    m.run("sleep 2")
    require(2 <= int(m.run("date +%s")) - before <= 4, "two seconds are not two seconds")


def pause(m):
    m.run("rl pause fv")
    require(state(m)[1][2] == "p", "not shown as paused")
    m.run("rl unpause fv")
    enter(m)
    m.run("true")
    leave(m)


def reboot(m):
    old = state(m)[0]
    enter(m)
    m.send("reboot -f\n")
    m.expect(r"domain \d+ has ended: \w+", 60)
    m.expect(SHELL)
    for _ in range(20):
        now = state(m)
        if now and now[0] != old:
            break
        m.run("sleep 1")
    require(now and now[0] != old, "no new domain after reboot")
    enter(m)
    leave(m)


def power_off(m):
    enter(m)
    m.send("poweroff\n")
    m.expect(r"domain \d+ has ended: poweroff", 60)
    m.expect(SHELL)
    m.run("sleep 1")
    require(state(m) is None, "still listed")


def unpatched(m):
    """Without patching a student can see it: PUSHF shows interrupts enabled where the kernel disabled them."""
    m.run("rl create -q fv.cfg name=silent fv_patch=0")
    m.run("sleep 3")
    require(state(m, "silent") is not None, "not created")
    m.run("rl destroy silent")


def refusals(m):
    output = m.run("rl create -q fv.cfg kernel=/boot/kernel-pv64.elf 2>&1", code=None)
    require("32-bit multiboot kernel" in output, output)
    output = m.run("rl create -q fv.cfg vcpus=2 2>&1", code=None)
    require("an fv domain has one" in output, output)
    # The kernel's whole path comes first on its command line, which has a page.
    m.run("long=$(printf './%.0s' $(seq 1 1600)); x=$(printf 'x%.0s' $(seq 1 950))")
    output = m.run("cd /; rl create -q fv.cfg kernel=${long}boot/kernel-native32.elf extra=$x 2>&1; cd", code=None)
    require("have 4175 characters; needed: at most 4094" in output, output)


def rounds(m, start):
    loop = ("i=0; while [ $i -lt 10 ]; do rl create -q fv.cfg && rl destroy fv || break; i=$((i + 1)); done; "
            "echo rounds=$i")
    require("rounds=10" in m.run(loop, 200), "stopped early")
    left = free_pages(m)
    require(left == start, "free pages at the start %d, in the end %d" % (start, left))


def main():
    tap = Tap()
    cpu = sys.argv[1] if len(sys.argv) > 1 else "max"
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0.cpio"))
    with Machine(["-m", "512", "-smp", "2", "-cpu", cpu, "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", OPTIONS, "-initrd", initrd],
                 os.path.join(BUILD, "tests", "fv-%s.log" % cpu), limit=600) as m:
        m.expect(SHELL, 120)
        start = []
        tap.step("free memory is known", lambda: start.append(first_free(m)))
        tap.step("the kernel is the bare machine's, byte for byte", lambda: same_bytes(m))
        tap.step("packed by gzip it can be built, too", lambda: packed(m))
        tap.step("it boots to its shell, in ring 0 as far as it knows", lambda: shell(m))
        tap.step("its checkup passes", lambda: checkup(m))
        tap.step("programs compute what they should, and time passes", lambda: work(m))
        leave(m)
        tap.step("the auditor finds shadows and counts in order", lambda: audit(m))
        tap.step("pause and unpause", lambda: pause(m))
        tap.step("reboot makes a new domain", lambda: reboot(m))
        tap.step("power-off ends it", lambda: power_off(m))
        tap.step("patching can be turned off", lambda: unpatched(m))
        tap.step("what cannot be built is refused with a reason", lambda: refusals(m))
        tap.step("ten rounds lose no frame", lambda: rounds(m, start[0]))
    tap.end()


if __name__ == "__main__":
    main()
