#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The main job, on the real thing: the ISO on a machine of 512 MiB and 2 processors, Dom0's shell on the serial line.

Eight guests at once, four in ring 1 and four in ring 3, run real programs; consoles in and out; pause and
unpause; a crash that is explained while the others go on; 100 rounds of create and destroy that lose no frame;
and a clean power-off.
"""

import hashlib
import itertools
import os
import re
import sys

from machine import BUILD, Machine, Tap, require

ROUNDS = int(os.environ.get("ROUNDS", "100"))
BUSY = 6
GUESTS = [("p32%c" % c, "demo32.cfg") for c in "abcd"] + [("p64%c" % c, "demo64.cfg") for c in "abcd"]
SHELL = r"[#$] (\x1b\[6n)?$"

# What each guest computes, over files, through pipes, by forked programs; and what must come out.
WORK = "for i in 1 2 3; do seq 1 $((i * 700)) > /tmp/f$i; done; cat /tmp/f1 /tmp/f2 /tmp/f3 | sha256sum | cut -c1-64"
RESULT = hashlib.sha256("".join("".join("%d\n" % n for n in range(1, i * 700 + 1)) for i in (1, 2, 3)).encode()).hexdigest()
LOOP = "(n=0; while :; do seq 1 300 | sha256sum > /dev/null; n=$((n + 1)); echo $n > /tmp/next; mv /tmp/next /tmp/count; done) & true"


def rows(m):
    """`rl list` as {name: (id, state, seconds)}."""
    found = {}
    for line in m.run("rl list").splitlines():
        row = re.match(r"(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([-rbpscd]{6})\s+([0-9.]+)\s*$", line)
        if row:
            found[row[1]] = (int(row[2]), row[5], float(row[6]))
    return found


def free_pages(m):
    return int(re.search(r"free_pages\s*:\s*(\d+)", m.run("rl info"))[1])


def built_from(m):
    """rl and the hypervisor say of which commit they are: the same here, as one make has built both."""
    commit = r"(\d{4}-\d\d-\d\d git:[0-9a-f]{12}(?:-dirty)?|unknown: built without git)"
    said = re.search(r"rl built from %s\s+hypervisor interface .* built from %s\s" % (commit, commit), m.run("rl version"))
    require(said and said[1] == said[2], "rl version says %r" % (said and said[0]))
    info = m.run("rl info")
    for key in "rl_changeset", "xen_changeset":
        require(re.search(r"(?m)^%s\s+: %s\s*$" % (key, re.escape(said[1])), info), "rl info says %s" % info)


class Console:
    """`with Console(m, name):` the serial line is that guest's console; ^] leaves."""

    numbers = itertools.count(70001)

    def __init__(self, m, name):
        self.m, self.name = m, name

    def __enter__(self):
        number = next(self.numbers)
        self.m.send("rl console %s\n" % self.name)
        self.m.expect(r"leave it with")
        # The console shows its history first; only the sum can come from the new command.
        self.m.send("\necho at$((%d + 0))\n" % number)
        self.m.expect("at%d" % number, 60)
        self.m.expect(SHELL)

    def __exit__(self, *unused):
        self.m.send("\x1d")
        self.m.run("true")


def boot(m):
    m.expect(r"GRUB", 60)
    m.expect(r"\(ringlet\) .*2 CPUs up", 120)
    m.expect(SHELL, 120)
    require(rows(m)["Domain-0"][0] == 0, "no Domain-0 in rl list")


def create_all(m):
    for name, config in GUESTS:
        m.run("rl create %s name=%s memory=24" % (config, name))
    listed = rows(m)
    for name, _ in GUESTS:
        require(name in listed, "%s is not in rl list" % name)


def work_all(m):
    for name, _ in GUESTS:
        with Console(m, name):
            output = m.run(WORK, 120)
            require(RESULT in output, "%s computed %r, not %s" % (name, output.strip(), RESULT))
            require("sum" in m.run("work -r 1", 60), "%s: work printed no sum" % name)


def rings(m):
    for name, want in (("p32a", "ring 1"), ("p64a", "ring 3")):
        with Console(m, name):
            require(want in m.run("grep -i ring /proc/cpuinfo /proc/version; dmesg | head -5"), "%s does not name %s" % (name, want))


def all_go_on(m):
    """Each guest gets time: from now on, which is soon if they do."""
    before, after = rows(m), {}
    for _ in range(60):
        m.run("sleep 0.5")
        after = rows(m)
        standing = [name for name, _ in GUESTS if after[name][2] <= before[name][2]]
        if not standing:
            return
    require(False, "%s stand still: %s, then %s" % (standing, before, after))


def progress_all(m):
    for name, _ in GUESTS:
        with Console(m, name):
            m.run(LOOP)
    all_go_on(m)
    for name, _ in GUESTS:
        with Console(m, name):
            require(int(m.run("cat /tmp/count")) > 0, "%s's loop made no round" % name)


def pause(m):
    m.run("rl pause p64b")
    before = rows(m)
    require(before["p64b"][1][2] == "p", "p64b is not shown as paused")
    m.run("sleep 2")
    after = rows(m)
    require(after["p64b"][2] == before["p64b"][2], "a paused domain used time")
    require(after["p32b"][2] > before["p32b"][2], "pausing one stopped another")
    m.run("rl unpause p64b")
    all_go_on(m)


def crash(m):
    m.run("rl dmesg -c > /dev/null")
    m.run("rl create --wait crash.cfg", 120, code=3)
    report = m.run("rl dmesg")
    for part in (r"\bd\d+ vCPU 0", r"RIP [0-9a-f]{8}", "rflags", "crash"):
        require(re.search(part, report), "the crash report lacks %r: %s" % (part, report))
    require("its kernel stack" in report, "no reason in: " + report)
    require("Command line" not in report, "rl dmesg -c did not clear the log")
    all_go_on(m)


# What is written into /dev/crash, and what the report on it must name in this order. The compiler may give the functions of
# drivers/crash.c no frame; then their callers are not in the chain.
CRASHES = (("stack", r"at A crash_stack\+.*by A sys_write\+"), ("panic", r"at A hypercall_page\+.*by A panic\+.*(by|\?) A crash_panic\+.*(by|\?) A crash_write\+.*by A sys_write\+"),
           ("pagetable", r"at A hypercall_page\+.*by A panic\+.*\? A crash_pagetable\+.*(by|\?) A crash_write\+.*by A sys_write\+"))
KERNELS = ("pv64", "/boot/kernel-pv64.elf", "initrd64", "[0-9a-f]{16}"), ("pv32", "/boot/kernel-pv32.elf", "initrd32", "[0-9a-f]{8}")


def crash_names(m):
    """rl-domd reads the guest's stack before it destroys it; functions have names where the kernel's file has symbols. Of the busy
    guests one runs beside these; all together would only take the processors."""
    m.run("; ".join("rl pause " + name for name, _ in GUESTS[1:]))
    for kind, kernel, initrd, address in KERNELS:
        for word, callers in CRASHES:
            m.run("rl create --wait crash.cfg kernel=%s ramdisk=/boot/%s.cpio 'extra=run=echo,%s>/dev/crash'" % (kernel, initrd, word), 120, code=3)
            said = m.run("rl why crash")
            require('"crash" (%s) crashed' % kind in said and "Names are those of %s." % kernel in said, said)
            require(re.search("(?s)" + callers.replace("A", address), said), "%s of %s: %s" % (word, kind, said))
    logged = m.run("cat /var/log/rl-domd.log")
    for word in ("crash_stack", "crash_panic", "crash_pagetable"):
        require(word in logged, "rl-domd's log lacks %s: %s" % (word, logged))
    m.run("rl create -q crash.cfg on_crash=preserve; until rl list crash | grep -q -- '-sc-'; do usleep 50000; done", 120)
    require("Addresses only. /etc/rl/crash.cfg: it is not an ELF file" in m.run("rl why -k /etc/rl/crash.cfg crash"), "no word of a wrong file")
    require("crash_stack+" in m.run("rl why crash"), "a preserved domain's stack is not read")
    m.run("rl destroy crash")
    require("crash_stack+" in m.run("rl why crash"), "the report is not kept")
    require("comes too late" in m.run("rl why -k /boot/kernel-pv64.elf crash 2>&1", code=1), "-k of a domain that is gone")
    require("runs; it was here" in m.run("rl why p32a"), "of a running domain")
    require("this command runs in it" in m.run("rl why 0 2>&1", code=1), "of Dom0")
    require("does not exist" in m.run("rl why nobody 2>&1", code=1), "of no domain")
    m.run("; ".join("rl unpause " + name for name, _ in GUESTS[1:]))


def rounds(m):
    """Kinds in turn; the shell counts the rounds that went well. The first go beside the busy guests; for the others these are
    paused, since their loops would only take the processors."""
    loop = ("i=0; while [ $i -lt %d ]; do c=demo64.cfg; [ $((i %% 2)) = 0 ] && c=demo32.cfg; "
            "rl create -q $c name=round memory=16 && rl destroy round || break; i=$((i + 1)); done; echo rounds=$i")
    m.run("i=0; rl create -q demo64.cfg name=round memory=16 && rl destroy round")
    before = free_pages(m)
    for verb, count in (("pause", min(BUSY, ROUNDS)), ("unpause", max(ROUNDS - BUSY, 0))):
        output = m.run(loop % count, 900)
        require("rounds=%d" % count in output, "stopped early: " + output)
        m.run("; ".join("rl %s %s" % (verb, name) for name, _ in GUESTS))
    after = free_pages(m)
    require(after == before, "free pages before %d, after %d" % (before, after))


def destroy_all(m, at_start):
    for name, _ in GUESTS:
        m.run("rl destroy %s" % name)
    require(list(rows(m)) == ["Domain-0"], "domains are left: %s" % rows(m))
    left = free_pages(m)
    require(left == at_start, "free pages at the start %d, in the end %d" % (at_start, left))


def power_off(m):
    m.send("poweroff\n")
    code = m.wait_end(60)
    require(code == 0, "QEMU's exit code is %d" % code)


def main():
    tap = Tap()
    cpu = sys.argv[1] if len(sys.argv) > 1 else "max"
    with Machine(["-m", "512", "-smp", "2", "-cpu", cpu, "-cdrom", os.path.join(BUILD, "ringlet.iso")],
                 os.path.join(BUILD, "tests", "main-job.log"), limit=1800) as m:
        if tap.step("GRUB boots Ringlet, Dom0 reaches its shell", lambda: boot(m)):
            start = []
            tap.step("free memory is known", lambda: start.append(free_pages(m)))
            tap.step("the commit is told", lambda: built_from(m))
            tap.step("eight guests, four of each kind, are created", lambda: create_all(m))
            tap.step("each computes the right checksum", lambda: work_all(m))
            tap.step("each kind names its ring", lambda: rings(m))
            tap.step("all make progress together", lambda: progress_all(m))
            tap.step("pause stops one, unpause resumes it", lambda: pause(m))
            tap.step("a crash is explained and harms no other domain", lambda: crash(m))
            tap.step("a crash report names the kernel's functions, in both kinds", lambda: crash_names(m))
            tap.step("%d rounds of create and destroy lose nothing" % ROUNDS, lambda: rounds(m))
            tap.step("destroy gives every frame back", lambda: destroy_all(m, start[0]))
            tap.step("power-off ends the machine", lambda: power_off(m))
    tap.end()


if __name__ == "__main__":
    main()
