#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make debug and make gdb: each command of ours on machines of each kind, backtraces across rings, symbols that follow the
guest; one terminal and two; a gdb without Python; runs that repeat (ICOUNT=1).

The machines count instructions and skip idle time, so that breakpoints are hit at the same places every time."""

import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from machine import BUILD, TOP, Failure, Tap, require

LIMIT = 240


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def boot_of(kind, *variables):
    """QEMU's options, as `make debug BOOT=kind` has them, and for run-qemu what `make run` has."""
    out = subprocess.run(["make", "-n", "--no-print-directory", "run"] + (["BOOT=" + kind] if kind else []) + list(variables), cwd=TOP, capture_output=True,
                         text=True, check=True).stdout
    return re.findall(r"^sh scripts/run-qemu (.*)$", out, re.M)[0]


def environment(**more):
    return dict(os.environ, TERM="dumb", ICOUNT="shift=0,sleep=off", SHARE="", **more)


def session(arguments, commands, env, folder=TOP):
    """The output of debug.sh on one terminal. It is ended by its group: gdb first, and its machine by debug.sh."""
    p = subprocess.Popen("exec sh scripts/gdb/debug.sh " + arguments, shell=True, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace", env=dict(env, WINDOWS="1"), start_new_session=True)
    try:
        return p.communicate(commands.strip() + "\nkill\nquit\n", LIMIT)[0]
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGTERM)
        raise Failure("gdb did not end: %s" % p.communicate()[0][-4000:]) from None


def gdb(kind, commands, **more):
    """The same for one of the machines that make debug has."""
    out = session(boot_of(kind), commands, environment(BOOT=kind, **more))
    with open(os.path.join(BUILD, "tests", "debug-%s.log" % kind), "a", encoding="utf-8") as log:
        log.write(out)
    return out


def expect(out, *patterns):
    """Each pattern in this order; prompts do not count."""
    at, out = 0, out.replace("(gdb) ", "")
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(out, at)
        if not found:
            raise Failure("gdb did not say %r behind %r: %s" % (pattern, out[max(0, at - 60):at], out[-6000:]))
        at = found.end()


def pv(kind, ring, entry):
    """All that looks at a Dom0, and a guest of the other kind beside it."""
    other, other_ring = ("pv32", 1) if kind == "pv64" else ("pv64", 3)
    demo = "demo32" if other == "pv32" else "demo64"
    out = gdb(kind, """current
domains
hypercall-break mmu_update 3
continue
echo == third\\n
bt
current
current all
domains
vcpus d0
walk $vcpu()->regs.rip
mfn $vcpu()->mm.root
frame mfn 0x100
mfn 0xfffffff
walk 0xffff820000000000 d0v0
delete
type rl create -q %s.cfg
hypercall-break set_trap_table 1 domid=1
continue
echo == guest\\n
bt
current
domains
vcpus
walk $vcpu()->regs.rip
walk $vcpu()->regs.rip d0v0
up
delete
break sys_write
continue
echo == write\\n
bt
""" % demo)
    expect(out, r"^\[the firmware or the boot loader\]$", r"The hypervisor does not run \(yet\): this processor is in the firmware",
           r"mmu_update: call 3, by d0v0$", r"^\[CPU 0: the hypervisor, ring 0, entered from d0v0 \(%s\), its kernel, ring %d\]$" % (kind, ring),
           r"== third", r"#0  hc_mmu_update", r"#1 .* in %s \(\)" % entry, r"#2 .* in d0v0 kernel: hypercall_page",
           r" in d0v0 kernel: __hypercall4", r" in d0v0 kernel: machine_start",
           r"^CPU 0: the hypervisor, ring 0, entered from d0v0", r"^\* CPU 0: ", r"^  CPU 1: the hypervisor, idle",
           r"^d0 +%s +alive +2 +32768 +32768 .*privileged$" % kind, r"^d0v0 +running +0 +[0-9a-f]{16} +%d +kernel" % ring,
           r"^d0v1 +offline", r"by CR3 0x[0-9a-f]+ of CPU 0", r"^  L4 mfn [0-9a-f]+\[\d+\] = ", r"\(d0 pfn [0-9a-f]+ L1\)",
           r"^  L1 .* \(d0 pfn 0 .*\) P", r"^  physical address 0x", r"owner d0, pfn 0x[0-9a-f]+; type L%d \(pinned" % (4 if kind == "pv64" else 3),
           r"validated.*; \d+ references, one of them for being owned$", r"mfn 0x100: the hypervisor's own", r"mfn 0xfffffff is no RAM",
           r"of the kernel of d0v0$", r"^  L1 ", r"^  physical address",
           r"set_trap_table: call 1 of d1, by d1v0$", r"== guest", r"#0  hc_set_trap_table", r" in d1v0 kernel: hypercall_page",
           r" in d1v0 kernel: .*machine_start", r"entered from d1v0 \(%s\), its kernel, ring %d" % (other, other_ring),
           r"^d0 +%s" % kind, r"^d1 +%s +alive +1 " % other, r"^d0v0 ", r"^d1v0 +running", r"\(d1 pfn .* writable\) P",
           r"not present|physical address", r"#1 ", r"== write", r"d[01]v\d kernel: sys_write \(fd=\d+, buf=0x[0-9a-f]+, n=\d+\)",
           r" in d[01]v\d kernel: machine_trap", r" in d[01]v\d kernel: trap_common", r" in d[01]v\d application: ")


def fv():
    """An fv guest's kernel lies where pv32 Dom0's lies: each time the right one's names."""
    out = gdb("pv32", """hypercall-break mmu_update
continue
delete
info symbol 0xc0100000
type rl create -q fv.cfg; rl list
tbreak fv_trap
continue
echo == fv\\n
bt
info symbol 0xc0104000
domains
hypercall-break sysctl 1 domid=0
continue
echo == dom0\\n
bt
info symbol 0xc0104000
""")
    expect(out, r"No symbol matches|kernel-pv32", r"entered from d1v0 \(fv\), its kernel, ring 1\]$", r"== fv", r"#0  fv_trap", r" in from_guest",
           r" in d1v0 kernel: ", r"kernel-native32\.debug\.elf", r"^d1 +fv +alive", r"sysctl: call 1 of d0, by d0v\d$",
           r"== dom0", r" in d0v\d kernel: hypercall_page", r"No symbol matches")


def native(kind):
    levels = "L4 mfn" if kind == "native64" else "L3 mfn"
    out = gdb(kind, """break sys_write
continue
current all
bt
domains
vcpus
mfn 1
hypercall-break
hypercall-break mmu_updat
hypercall-break mmu_update 0
walk $pc
type hallo
break sys_read if fd == 0
help ringlet
help frame mfn
""")
    expect(out, r"^\[the bare machine \(%s\), its kernel, ring 0\]$" % kind, r"\* the bare machine", r"#0  kernel: sys_write \(fd=\d+, ",
           r" in kernel: machine_trap", r" in application: ", r"The hypervisor does not run \(yet\): this processor is in a kernel on the bare",
           r"The hypervisor does not run", r"The hypervisor does not run", r"\bmmu_update mmuext_op\b", r"no hypercall mmu_updat; did you mean mmu_update\?",
           r"0: neither a count", levels, r"^  physical address 0x1", r"hypercall-break NAME \[N\]", r"`help mfn` says more")


def reason(command):
    return subprocess.run(command, shell=True, cwd=TOP, capture_output=True, text=True, timeout=LIMIT, check=False,
                          env=environment(GDB_PORT=free_port()), stdin=subprocess.DEVNULL)


def no_machine():
    run = reason("sh scripts/gdb/gdb.sh")
    require(run.returncode == 1, "exit status %d" % run.returncode)
    expect(run.stderr, r"^No machine waits at 127\.0\.0\.1:\d+ .*`make debug` in another terminal starts one\.$")
    run = reason("WINDOWS=3 sh scripts/gdb/debug.sh")
    require(run.returncode == 1 and "WINDOWS=3 is none of 1, 2 and tmux" in run.stderr, run.stderr)


def no_python():
    """A gdb that lacks Python says so, and still has the symbols."""
    with tempfile.TemporaryDirectory() as folder:
        fake = os.path.join(folder, "gdb")
        with open(fake, "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\nfor a; do\n\tcase $a in python*) exit 1 ;; *python.gdb) exit 2 ;; esac\ndone\nexec %s "$@"\n'
                    % shutil.which("gdb"))
        os.chmod(fake, 0o755)
        out = gdb("pv64", "hbreak dom0_build\ncontinue\ninfo symbol $pc\ninfo line trap_from_guest\ncurrent",
                  PATH=folder + ":" + os.environ["PATH"])
    expect(out, r"This gdb has no Python, so Ringlet's commands", r"Breakpoint 2, dom0_build", r"dom0_build", r"trap\.c",
           r"Undefined command: \"current\"")


def no_symbols():
    """Files that are missing are named, with what mends it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("scripts", "build"):
            os.mkdir(os.path.join(folder, name))
        shutil.copytree(os.path.join(TOP, "scripts", "gdb"), os.path.join(folder, "scripts", "gdb"))
        shutil.copy(os.path.join(TOP, "scripts", "run-qemu"), os.path.join(folder, "scripts"))
        out = session("-kernel %s -initrd %s,%s" % tuple(os.path.join(BUILD, f) for f in ("ringlet.elf", "guest/kernel-pv64.elf", "dom0.cpio")),
                      "domains\nhypercall-break mmu_update\nguest-symbols /etc/passwd\nguest-symbols\ncurrent", environment(), folder)
    expect(out, r"build/ringlet\.debug\.elf is missing, so nothing here knows a name: `make` builds it",
           r"The hypervisor's symbols are not loaded: build/ringlet\.debug\.elf is missing\. `make` builds it",
           r"The table of hypercalls is missing .*`make` builds it", r"guest-symbols: /etc/passwd is no ELF file", r"Usage: guest-symbols FILE",
           r"the firmware or the boot loader")


class Terminal:
    """A program on a terminal of its own, where ^C is a key."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(TOP)
            os.execvpe("sh", ["sh", "-c", "exec " + command], env)
        self.text = ""
        self.until = time.monotonic() + LIMIT

    def wait(self, pattern):
        while True:
            found = re.search(pattern, self.text, re.M | re.S)
            if found:
                self.text = self.text[found.end():]
                return
            left = self.until - time.monotonic()
            if left < 0:
                raise Failure("no %r: %s" % (pattern, self.text[-2000:]))
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode("utf-8", "replace").replace("\r", "")
                except OSError:
                    raise Failure("it ended before %r: %s" % (pattern, self.text[-2000:])) from None

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The program's exit status; what it still says is read."""
        while True:
            try:
                if not os.read(self.fd, 4096):
                    break
            except OSError:
                break
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def one_terminal():
    """^C stops the machine, not QEMU; the console can be typed into; gdb's end is the machine's."""
    t = Terminal("sh scripts/gdb/debug.sh " + boot_of("pv64"), environment(WINDOWS="1", BOOT="pv64"))
    t.wait(r"\(gdb\) ")
    t.type("continue\n")
    t.wait(r"/root# ")
    t.type("\x03")
    t.wait(r"received signal SIGINT.*\(gdb\) ")
    t.type("current\n")
    t.wait(r"CPU \d: .*\(gdb\) ")
    t.type("type echo typed-$((6*7))\n")
    t.wait(r"\(gdb\) ")
    t.type("continue\n")
    t.wait(r"typed-42")
    t.type("\x03")
    t.wait(r"received signal SIGINT.*\(gdb\) ")
    t.type("quit\n")
    require(t.end() == 0, "debug.sh failed")


def two_terminals():
    """One terminal is the machine's console, in the other gdb connects."""
    env = environment(GDB_PORT=free_port(), BOOT="pv32")
    machine = Terminal("sh scripts/gdb/debug.sh " + boot_of("pv32"), env)
    machine.wait(r"run `make gdb` in another terminal")
    for _ in range(20):  # QEMU listens a moment later
        debugger = Terminal("sh scripts/gdb/gdb.sh", env)
        try:
            debugger.wait(r"`continue` starts it.*\(gdb\) ")
            break
        except Failure as why:
            require("No machine waits" in str(why), why)
            debugger.end()
    debugger.type("continue\n")
    machine.wait(r"/root# ")
    debugger.type("\x03")
    debugger.wait(r"SIGINT.*\[CPU \d: .*\(gdb\) ")
    debugger.type("type x\n")
    debugger.wait(r"The console is in the other terminal: type there")
    debugger.type("detach\nquit\n")
    require(debugger.end() == 0, "gdb.sh failed")
    machine.type("echo on-$((6*7))\n")
    machine.wait(r"on-42")
    machine.type("poweroff\n")
    require(machine.end() == 0, "the machine's end")


def repeats():
    """make debug ICOUNT=1: how long Dom0's vCPU took until its 10th mmu_update is the same in each run, and so are the frames.
    (The kernel makes that one before there are ticks, which come at another place of what runs then. When it began is not: the firmware
    waits for devices. So the hypervisor measures the TSC at another moment, and its nanoseconds differ by some parts in a million.)"""
    require(boot_of("", "ICOUNT=1") == boot_of("pv64"), "with ICOUNT=1 the menu is booted")
    times, frames = [], []
    for _ in range(2):
        out = session(boot_of("pv64"), "hypercall-break mmu_update 10 domid=0\ncontinue\necho == then\\n\nprint $vcpu()->sched.runstate.time\nbt",
                      dict(environment(BOOT="pv64"), ICOUNT="1"))
        expect(out, r"mmu_update: call 10 of d0", "== then", r" = \{.*\d{6,}", r"#0  hc_mmu_update")
        found = re.search(r"(?s)== then.*? = \{([\d, ]+)\}(.*)qemu-system", out)
        times.append([int(ns) for ns in found[1].split(", ")])
        frames.append(found[2].rsplit("(gdb)", 1)[0])  # behind the last prompt gdb may say how the session ended, or not
    require(frames[0] == frames[1], "frames differ: %s" % frames)
    require(all(abs(a - b) <= 1 + a * 20e-6 for a, b in zip(*times)), "times differ: %s" % times)


STEPS = (
    ("pv64: every command, a guest of the other kind, backtraces across the rings", lambda: pv("pv64", 3, "syscall_hypercall")),
    ("pv32: the same", lambda: pv("pv32", 1, "int82_hypercall")),
    ("symbols follow the guest: fv under a pv32 Dom0", fv),
    ("native64", lambda: native("native64")),
    ("native32", lambda: native("native32")),
    ("no machine, or a wrong word: a sentence", no_machine),
    ("a gdb without Python says what is missing and has the symbols", no_python),
    ("without the files with symbols: what to do", no_symbols),
    ("one terminal: ^C, and typing into the console", one_terminal),
    ("two terminals", two_terminals),
    ("ICOUNT=1: two runs say the same", repeats),
)


def main():
    tap = Tap()
    for name, step in STEPS:
        if len(sys.argv) < 2 or sys.argv[1] in name:
            tap.step(name, step)
    tap.end()


if __name__ == "__main__":
    main()
