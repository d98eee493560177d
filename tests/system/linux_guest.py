# SPDX-License-Identifier: MIT
"""What is asked of Debian's Linux, whatever it runs on: does it know where it is, does it work under load; and
the facts it tells about its hypervisor, in a form in which two hypervisors can be compared.

Its shell reads the next line only when it has shown its prompt: so every command goes through ask().
"""

import hashlib
import re

from machine import require

SHELL = r"linux# (\x1b\[6n)?$"
ZEROS = hashlib.sha256(bytes(24 << 20)).hexdigest()
# Processes with pipes, eight lines of them at a time; what comes out is known.
STORM = ("n=0; while [ $n -lt 8 ]; do (i=0; while [ $i -lt %d ]; do echo $i | cat; i=$((i + 1)); done > /tmp/s$n) & "
         "n=$((n + 1)); done; wait; cat /tmp/s? | sha256sum")
# What it says of a build machine that is too busy to answer in time.
BUSY = r"clocksource: (?:Long readout interval|timekeeping watchdog)"
# What a healthy kernel does not say.
TROUBLE = r"(?m)^.*(?:WARNING: CPU|BUG:|Oops|Call Trace|general protection|segfault|soft lockup|rcu.*stall).*$"


def ask(m, command, limit=60):
    output = m.run(command, limit)
    m.expect(SHELL)
    return output


def storm_sum(rounds):
    return hashlib.sha256("".join("%d\n" % i for i in range(rounds)).encode() * 8).hexdigest()


def healthy(m):
    """The kernel's log, in which there must be no trouble."""
    log = ask(m, "dmesg")
    require(not re.search(TROUBLE, log), "in dmesg: %s" % re.findall(TROUBLE, log))
    return log


def looks_around(m, vcpus):
    require(int(ask(m, "grep -c ^processor /proc/cpuinfo")) == vcpus, "not %d vCPUs" % vcpus)
    require(ask(m, "cat /sys/hypervisor/type").strip() == "xen", "/sys/hypervisor/type is not xen")
    version = ask(m, "cat /sys/hypervisor/version/major /sys/hypervisor/version/minor").split()
    require(version == ["4", "17"], "/sys/hypervisor/version: %s" % version)
    for name in ("capabilities", "features", "pagesize", "virtual_start"):
        require(ask(m, "cat /sys/hypervisor/properties/" + name).strip(), "properties/%s is empty" % name)
    require("-" in ask(m, "cat /sys/hypervisor/uuid"), "no uuid")
    log = healthy(m)
    require(re.search("Booting .*kernel on Xen", log), "the kernel does not know Xen: " + log[:400])


def works(m, vcpus):
    require("24+0 records out" in ask(m, "dd if=/dev/zero of=/tmp/zeros bs=1M count=24 2>&1"), "dd")
    require(ZEROS in ask(m, "sha256sum /tmp/zeros", 120), "the file of zeros has another sum")
    ask(m, "rm /tmp/zeros")
    # Each fork of several vCPUs is a round of interrupts between them, which take long on a busy build machine.
    rounds = 40 if vcpus == 1 else 6
    require(storm_sum(rounds) in ask(m, STORM % rounds, 300), "the storm of processes lost something")
    before = float(ask(m, "cut -d' ' -f1 /proc/uptime"))
    ask(m, "sleep 1")
    slept = float(ask(m, "cut -d' ' -f1 /proc/uptime")) - before
    require(slept >= 1, "sleep 1 took %.2f s" % slept)
    healthy(m)


def unplugs(m, vcpus):
    ask(m, "echo 0 > /sys/devices/system/cpu/cpu1/online")
    require(ask(m, "nproc").strip() == str(vcpus - 1), "cpu1 did not go")
    ask(m, "echo 1 > /sys/devices/system/cpu/cpu1/online")
    require(ask(m, "nproc").strip() == str(vcpus), "cpu1 did not come back")


def facts(m):
    """A set of lines: what the kernel has found out about its hypervisor. Numbers that are mere chance are out."""
    lines = set()
    for line in re.split(r"\n?\[ *\d+\.\d+\] ", ask(m, "dmesg")):
        if re.search(r"(?i)xen|paravirt|spinlock|clocksource|hypervisor|hvc", line) and not re.match(BUSY, line):
            lines.add("dmesg: " + re.sub(r" irq \d+$", "", line))
    for line in ask(m, "grep -r . /sys/hypervisor 2>&1").splitlines():
        if re.match("/sys/hypervisor/(guest_type|type|properties/(capabilities|features|pagesize|virtual_start))", line):
            lines.add(line.replace("/sys/hypervisor/", "hypervisor: "))
    for line in ask(m, "cat /proc/interrupts").splitlines():
        found = re.match(r" *\d+:(?: +\d+)+ +(xen-.*)", line)
        if found:
            lines.add("interrupt: " + " ".join(found[1].split()))
    return lines


def compare(ours, theirs, stated):
    """`stated` are the known differences, one pattern for each line that only one of the two has. Anything else is
    a failure, and so is a difference that is no more: what is written here is to be true."""
    apart = ["ringlet " + line for line in ours - theirs] + ["xen " + line for line in theirs - ours]
    unknown = [line for line in apart if not any(re.fullmatch(pattern, line) for pattern in stated)]
    gone = [pattern for pattern in stated if not any(re.fullmatch(pattern, line) for line in apart)]
    require(not unknown, "unknown differences:\n" + "\n".join(sorted(unknown)))
    require(not gone, "differences that are no more:\n" + "\n".join(gone))
