#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines of many shapes: each boots Dom0 of both kinds, or says in a sentence why it cannot.

    machines.py short    those that have broken something, or most likely would (make test)
    machines.py long     all (make machines)

A shape's Dom0 is a test kernel: it must succeed, the auditor must be content, and the machine must switch itself off.
A refusal is one line on both consoles, the serial line and the screen, and then a machine that stands still.
"""

import collections
import os
import re
import sys

from machine import BUILD, Failure, Machine, Tap, guest_result, require
from main_job import SHELL, Console
from monitor import Monitor

LONG = sys.argv[1:] == ["long"]
KINDS = ("pv64", "pv32")
MIB, GIB = 1 << 20, 1 << 30
LIMIT = 120  # seconds for a machine that takes one, alone

# args: for QEMU. test: the guest. expect: what the hypervisor says besides, in order. free: at least so many bytes.
# host: at most so many bytes of the host's memory. ends: whether the machine can switch itself off.
Shape = collections.namedtuple("Shape", "name args test expect free host ends", defaults=("pv-events", (), 0, 0, True))


def hypervisor(kernel, options="dom0_mem=64M"):
    return ["-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", kernel,
            "-append", "console=com1,vga noreboot audit=exit " + options]


def ram(size, machine="pc", cpus=2):
    """The host lends what is touched, and promises nothing."""
    return ["-m", "%dM" % (size // MIB), "-object", "memory-backend-ram,id=ram,reserve=off,size=%dM" % (size // MIB),
            "-machine", machine + ",memory-backend=ram", "-smp", str(cpus)]


def memory(name, size, machine="pc", **more):
    # Frame table and M2P: 1.1 percent of all addresses, the hole below 4 GiB included.
    cost = (size + GIB) // 80 + 24 * MIB if size >= GIB else size // 80 + 8 * MIB
    return Shape(name, ram(size, machine), "hc-memory-op", free=size - cost, **more)


def cpu(model, *more):
    return Shape("cpu " + model, ["-m", "128", "-smp", "2", "-cpu", model], *more)


def processors(count, *expect):
    return Shape("%d processors" % count, ["-m", "256", "-cpu", "max", "-smp", str(count)], expect=expect)


SHORT = [
    memory("130 MiB", 130 * MIB),
    memory("4 GiB", 4 * GIB),
    memory("6 GiB, q35", 6 * GIB, "q35"),
    memory("64 GiB, of which the host gives what is used", 64 * GIB, host=1400 * MIB),
    memory("2 GiB in two parts", 2 * GIB, "pc,max-ram-below-4g=1G"),
    cpu("Nehalem"),
    cpu("EPYC"),
    processors(33, r"32 CPUs up", r"Warning: 1 more CPUs are not used: Ringlet uses no more"),
    Shape("no ACPI", ["-m", "128", "-no-acpi"], expect=(r"TSC: .* by the PIT", r"safe to turn off"), ends=False),
]

FEATURES = """smep smap xsave avx pdpe1gb invtsc tsc-deadline x2apic rdtscp fsgsbase umip pcid sse4.2 popcnt movbe rdrand
    cx16 lahf_lm clflush pse pse36 mtrr hypervisor xsaveopt erms vme sep arat""".split()

REST = [
    memory("%s MiB, %s" % (mib, machine), mib * MIB, machine)
    for mib in (66, 254, 1026, 2047, 2049, 3583, 3584, 3585, 4098, 6000) for machine in ("pc", "q35")
] + [
    memory("3 GiB in two parts, q35", 3 * GIB, "q35,max-ram-below-4g=512M"),
    cpu("qemu64"), cpu("core2duo"), cpu("Haswell"), cpu("Opteron_G1"), cpu("Skylake-Server"),
] + [cpu("max,-" + feature) for feature in FEATURES] + [
    processors(n, r"%d CPUs? up" % n) for n in (1, 2, 3, 8, 16, 32)
] + [
    processors(64, r"32 CPUs up", r"Warning: 32 more CPUs are not used: Ringlet uses no more"),
    Shape("two sockets of two threads", ["-m", "128", "-smp", "4,sockets=2,cores=1,threads=2"]),
    Shape("no HPET", ["-m", "128", "-smp", "2", "-no-hpet"]),
    Shape("no HPET, q35", ["-m", "128", "-smp", "2", "-machine", "q35,hpet=off"]),
    Shape("no screen", ["-m", "128", "-vga", "none"]),
    Shape("a PC of 1990 with a processor of today", ["-m", "128", "-machine", "isapc", "-cpu", "qemu64"],
          expect=(r"safe to turn off",), ends=False),
]


def log(name):
    return os.path.join(BUILD, "tests", "machines-%s.log" % re.sub(r"\W+", "-", name))


def peak(process):
    """Bytes of the host's memory that a process has used at most."""
    with open("/proc/%d/status" % process.pid, encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read())[1]) << 10


def boots(shape, kind):
    kernel = os.path.join(BUILD, "tests", "%s-%s.elf" % (shape.test, kind))
    with Machine(shape.args + hypervisor(kernel), log(shape.name + " " + kind), limit=LIMIT) as m:
        seen = m.expect(r"(?s).*^\(ringlet\) Dom0: pv.*?\n", LIMIT)[0]
        require(not shape.host or peak(m.process) <= shape.host, "the host gives more than %d MiB" % (shape.host // MIB))
        seen += m.expect(r"(?s).*^RESULT .*?\n", LIMIT)[0]
        if shape.ends:
            require(m.wait_end(LIMIT) == 0, "QEMU's exit code is not 0")
        else:
            m.expect(r"(?s).*safe to turn off")
        text = seen + m.text
    require(guest_result(seen)[0] == "success", "the guest: %s %s" % guest_result(seen))
    require(not shape.ends or re.search(r"audit: \d+ frames, ok", text), "the auditor was not heard")
    for line in shape.expect if shape.ends else shape.expect[:-1]:
        require(re.search(line, text), "the hypervisor did not say %r" % line)
    free = int(re.search(r"memory: \d+ MiB, (\d+) MiB free", text)[1]) * MIB
    require(free >= shape.free, "%d MiB are free, not %d" % (free // MIB, shape.free // MIB))


# ---- What cannot be ----

RINGLET = hypervisor(os.path.join(BUILD, "tests", "pv-events-pv64.elf"))
NATIVE = {kind: ["-kernel", os.path.join(BUILD, "guest", "kernel-%s.elf" % kind)] for kind in ("native32", "native64")}


def refused(program, args, who, what):
    line = "%s: this processor lacks %s, which is needed. Stopped." % (who, what)
    with Monitor() as monitor, Machine(program + ["-m", "128"] + args + monitor.args, log("refusal"), limit=LIMIT) as m:
        m.expect(r"^.*" + re.escape(line), LIMIT)
        require(line in "".join(monitor.screen()), "the screen does not show it: %s" % monitor.screen()[:3])
        require(monitor.run("query-status")["status"] == "running", "the machine does not stand still")
        require("lacks" not in m.text, "it was said again: %s" % m.text)


def hypervisor_refuses(tap, cpu_model, what):
    tap.step("Ringlet on %s" % cpu_model, lambda: refused(RINGLET, ["-cpu", cpu_model], "Ringlet", what))


def native_refuses(tap, kind, cpu_model, what):
    tap.step("%s on %s" % (kind, cpu_model),
             lambda: refused(NATIVE[kind], ["-cpu", cpu_model], "Ringlet teaching kernel", what))


def refusals(tap):
    hypervisor_refuses(tap, "qemu32", "long mode (64 bit)")
    hypervisor_refuses(tap, "max,-fxsr", "FXSR")
    native_refuses(tap, "native64", "qemu32", "long mode (64 bit)")
    native_refuses(tap, "native32", "qemu32", "NX")
    if not LONG:
        return
    for feature, what in (("nx", "NX"), ("pae", "PAE"), ("sse", "SSE"), ("pge", "PGE"), ("pat", "PAT"), ("mce", "MCE"),
                          ("apic", "a local APIC"), ("msr", "MSR"), ("tsc", "TSC"), ("de", "DE"), ("cx8", "CX8"),
                          ("cmov", "CMOV"), ("lm", "long mode (64 bit)")):
        hypervisor_refuses(tap, "max,-" + feature, what)
    hypervisor_refuses(tap, "486", "long mode (64 bit)")
    native_refuses(tap, "native32", "486", "PAE")
    native_refuses(tap, "native32", "max,-fxsr", "FXSR")
    native_refuses(tap, "native64", "max,-nx", "NX")
    tap.step("Ringlet on max,-syscall", no_syscall)


def no_syscall():
    """Asked for in 64-bit mode, when printk works."""
    with Machine(RINGLET + ["-m", "128", "-cpu", "max,-syscall"], log("refusal"), limit=LIMIT) as m:
        m.expect(r"This processor lacks SYSCALL, which is needed. Stopped.", LIMIT)


# ---- Too little, too much ----

def halts(mib, options, *lines):
    """The hypervisor says these lines and halts."""
    kernel = "%s,%s" % (os.path.join(BUILD, "guest", "kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio"))
    with Machine(["-m", str(mib), "-cpu", "max"] + hypervisor(kernel, options), log("halts"), limit=LIMIT) as m:
        for line in lines:
            m.expect(line, LIMIT)
        m.died = None  # as it should


def clamped():
    kernel = os.path.join(BUILD, "tests", "hc-memory-op-pv64.elf")
    with Machine(["-m", "128", "-cpu", "max"] + hypervisor(kernel, "dom0_mem=8192M"), log("clamped"), limit=LIMIT) as m:
        m.expect(r"Warning: dom0_mem= asks for 8192 MiB; Dom0 gets the (\d+) that the machine has to give", LIMIT)
        m.expect(r"Dom0: pv64, 1\d\d MiB", LIMIT)
        m.expect(r"^RESULT success", LIMIT)
        require(m.wait_end(LIMIT) == 0, "QEMU's exit code is not 0")


def sizes(tap):
    tap.step("dom0_mem= of more than there is gets what there is", clamped)
    tap.step("a machine too small for Dom0 says what it needs", lambda: halts(
        20, "", r"Dom0 needs \d+ MiB, and the machine has only \d+ to give", r"Halted: "))
    tap.step("dom0_mem= too small for Dom0 says what would do", lambda: halts(
        256, "dom0_mem=4M", r"Dom0 has 4 MiB and needs \d+: dom0_mem=\d+M would do", r"Halted: "))
    tap.step("a machine too small for its boot modules says so", lambda: halts(
        8, "", r"no room for \d+ KiB of the hypervisor's tables: .* needs more memory", r"Halted \(noreboot\)"))


# ---- Domains, where memory lies above 4 GiB ----

def domains(word):
    kernel = "%s,%s" % (os.path.join(BUILD, "guest", "kernel-pv%d.elf" % word),
                        os.path.join(BUILD, "dom0.cpio" if word == 64 else "dom0-32.cpio"))
    with Machine(ram(6 * GIB) + ["-cpu", "max"] + hypervisor(kernel, "dom0_mem=128M"), log("domains-%d" % word),
                 limit=300) as m:
        m.expect(SHELL, LIMIT)
        for guest, kind in (("demo32", "pv32, ring 1"), ("demo64", "pv64, ring 3"), ("fv", "native32, ring 0")):
            m.run("rl create -q %s.cfg" % guest, LIMIT)
            with Console(m, guest):
                require(kind in m.run("dmesg | head -1"), "%s is not %s" % (guest, kind))
        for guest in ("demo32", "demo64", "fv"):
            m.run("rl destroy " + guest)
        m.send("poweroff\n")
        m.expect(r"audit: \d+ frames, ok")
        require(m.wait_end(LIMIT) == 0, "QEMU's exit code is not 0")


def main():
    if sys.argv[1:] not in (["short"], ["long"]):
        raise Failure("usage: machines.py short|long")
    tap = Tap()
    for shape in SHORT + (REST if LONG else []):
        for kind in KINDS:
            tap.step("%s: %s" % (shape.name, kind), lambda s=shape, k=kind: boots(s, k))
    refusals(tap)
    sizes(tap)
    for word in (64, 32):
        tap.step("above 4 GiB: domains of each kind below a Dom0 of %d bits" % word, lambda w=word: domains(w))
    tap.end()


main()
