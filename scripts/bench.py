#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make bench: what the crossings cost on Ringlet, on Debian's Xen 4.17 and on the bare machine, and how big and how
fast the whole is. tests/bench/README.md explains the units; this program only prints and does not judge.
"""
import glob, gzip, os, re, select, shutil, subprocess, sys, time

sys.path.insert(0, "tests/system")
import hosts  # noqa: E402
import tools  # noqa: E402
from machine import Failure, Machine  # noqa: E402

OUT = "build/bench"
ICOUNT = ["-icount", "shift=0,sleep=off"]
# name in the guest's output, what it is, goal in instructions
ROWS = [("null-hypercall", "null hypercall (xen_version)", 100),
        ("multicall-32-per-call", "multicall of 32, per call", 60),
        ("app-syscall", "application system call, round trip", 200),
        ("app-syscall-fast", "  returning by sysret / plain iret", 200),
        ("bounce-ud", "#UD bounced, iret", 250), ("bounce-gp", "#GP bounced, iret", 250),
        ("bounce-pf", "#PF bounced, iret", 250),
        ("event-send-upcall-iret", "event send, upcall, iret", 350), ("event-send-masked", "event send, masked", 150),
        ("set-segment-base", "set_segment_base", 90), ("wrmsr-fs-base", "  the same by trapped wrmsr", 400),
        ("clts", "trapped clts", 400), ("mov-from-cr0", "trapped mov from CR0", 400), ("rdmsr", "trapped rdmsr", 400),
        ("in", "trapped in", 400), ("cpuid-forced", "cpuid by forced emulation", 200),
        ("set-singleshot-timer", "set_singleshot_timer", 250), ("new-baseptr-same", "new_baseptr, same root", 200),
        ("new-baseptr-switch", "new_baseptr, another root", 400), ("update-va-mapping", "update_va_mapping", 300),
        ("mmu-update-1", "mmu_update of one entry", 350), ("mmu-update-8-per-entry", "mmu_update of 8, per entry", 250),
        ("mmu-update-64-per-entry", "mmu_update of 64, per entry", 200),
        ("mmu-update-512-per-entry", "mmu_update of 512, per entry", 200),
        ("emulated-l1-write", "emulated write of a live L1 entry", 700),
        ("pin-full-l1", "pin a full L1", 30000), ("unpin-full-l1", "unpin it", 25000),
        ("pin-sparse-l1", "pin an L1 with two entries", 1250), ("unpin-sparse-l1", "unpin it", 1150),
        ("pin-empty-l1", "pin an empty L1", 1000), ("unpin-empty-l1", "unpin it", 1000),
        ("pin-empty-l2", "pin an empty L2", "-"), ("unpin-empty-l2", "unpin it", "-"),
        ("grant-map", "grant map", 400), ("grant-unmap", "grant unmap", 450), ("grant-copy-4k", "grant copy of 4 KiB", 900),
        ("yield-to-domain", "yield, switch to another domain's vCPU", 600)]


def xen():
    """Path of Debian's Xen, unpacked; None (and why, on stderr) if it cannot be fetched."""
    image = f"{OUT}/xen.elf"
    if os.path.exists(image):
        return image
    packed = glob.glob("/boot/xen-4.17-amd64.gz")
    if not packed:
        got = subprocess.run([tools.path("apt-get"), "download", "-q", "xen-hypervisor-4.17-amd64"], cwd=OUT, capture_output=True, text=True)
        for deb in glob.glob(f"{OUT}/xen-hypervisor-4.17-amd64_*.deb"):
            tools.run("dpkg", "-x", deb, f"{OUT}/xen")
        packed = glob.glob(f"{OUT}/xen/boot/xen-4.17-amd64.gz")
        if not packed:
            print("bench: no Xen to compare with: " + (got.stderr.strip().splitlines() or ["?"])[-1], file=sys.stderr)
            return None
    with gzip.open(packed[0]) as src, open(image, "wb") as dst:
        shutil.copyfileobj(src, dst)
    return image


def measure(name, kernel, guest, icount):
    """{row: (instructions, ns)} of one boot; empty if it did not finish."""
    cmd = ["qemu-system-x86_64", "-m", "512", "-cpu", "EPYC,-monitor", "-display", "none", "-monitor", "none", "-nic", "none",
           "-no-reboot", "-serial", "stdio", "-kernel", kernel] + (ICOUNT if icount else [])
    if guest:
        cmd += ["-initrd", guest, "-append", "console=com1 com1=115200,8n1 dom0_mem=64M noreboot"]
    qemu = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text, limit = "", time.monotonic() + 120
    while "BENCH-END" not in text and "RESULT" not in text and time.monotonic() < limit:
        if select.select([qemu.stdout], [], [], 1)[0]:
            data = os.read(qemu.stdout.fileno(), 65536)
            if not data:
                break
            text += data.decode(errors="replace")
    qemu.kill()
    qemu.wait()
    with open(f"{OUT}/{name}.log", "w") as log:
        log.write(text)
    if "BENCH-END" not in text:
        print(f"bench: {name} did not reach its end, see {OUT}/{name}.log", file=sys.stderr)
    return {m[1]: (int(m[2]), int(m[3])) for m in re.finditer(r"BENCH (\S+) (\d+) (\d+)", text)}


def measure_switch(name, kernel, kind, icount):
    """The same of two domains that yield to each other, below a Dom0 that sleeps, on one processor."""
    args = ["-m", "512", "-cpu", "EPYC,-monitor", "-kernel", kernel, "-append",
            hosts.OPTIONS + " dom0_mem=128M spec-ctrl=eager-fpu sched=credit",
            "-initrd", "build/guest/kernel-pv64.elf,build/dom0-bench.cpio"]
    try:
        with Machine(args + (ICOUNT if icount else []), f"{OUT}/{name}.log", 300) as m:
            m.expect(r"# ", 240)
            m.run(f"rl create -q switch{kind}.cfg name=partner extra=partner", 120)
            m.send(f"rl create -c switch{kind}.cfg\n")
            found = m.expect(r"BENCH (yield-to-domain) (\d+) (\d+)\n", 120)
            return {found[1]: (int(found[2]), int(found[3]))}
    except Failure as why:
        print(f"bench: {name}: {why}", file=sys.stderr)
        return {}


def table(runs):
    """One line per row; each cell `instructions`, and `(ns)` where a wall-time run exists."""
    heads = ["floor", "Xen pv64", "Ringlet pv64", "Ringlet pv32", "goal"]
    print(f"{'instructions [ns of wall time, plain TCG]':42}" + "".join(f"{h:>17}" for h in heads))
    for key, title, goal in ROWS:
        cells = []
        for counted, wall in runs:
            cell = str(counted[key][0]) if key in counted else "-"
            cells.append(cell + (f" [{wall[key][1]}]" if key in wall else ""))
        print(f"{title:42}" + "".join(f"{c:>17}" for c in cells + [str(goal)]))


def sizes():
    """Text and data of the hypervisor's image."""
    text, data, bss = map(int, subprocess.run(["size", "build/ringlet.debug.elf"], capture_output=True, text=True,
                                              check=True).stdout.split("\n")[1].split()[:3])
    print(f"hypervisor image: text {text // 1024} KiB, data {data // 1024} KiB, bss {bss // 1024} KiB "
          "(goal: text and data under 256)")


def system():
    """Time to Dom0's prompt, memory the hypervisor keeps, time from `rl create` to a DomU's first words."""
    start = time.monotonic()
    with Machine(["-m", "512", "-smp", "2", "-cpu", "max", "-kernel", "build/ringlet.elf",
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=128M",
                  "-initrd", "build/guest/kernel-pv64.elf,build/dom0.cpio"], f"{OUT}/system.log", 300) as m:
        m.expect(r"# ", 120)
        print(f"from QEMU's start to Dom0's prompt: {time.monotonic() - start:.2f} s (goal: 1)")
        info = m.run("rl info")
        total, free = (int(re.search(rf"{k}_memory\s*: (\d+)", info)[1]) for k in ("total", "free"))
        mem = sum(int(n) for n in re.findall(r"^Domain-0\s+\d+\s+(\d+)", m.run("rl list"), re.M))
        print(f"memory: 512 MiB machine, {mem} MiB Dom0, {free} MiB free: {512 - free - mem} MiB firmware and hypervisor "
              f"({512 - total} MiB of it never was the allocator's)")
        for name in ("demo64", "demo32"):
            start = time.monotonic()
            m.send(f"rl create -c /etc/rl/{name}.cfg\n")
            m.expect(r"teaching kernel", 60)
            print(f"from `rl create` to the first output of {name}: {time.monotonic() - start:.2f} s")
            m.send("\x1d")
            m.expect(r"# ", 30)
            m.run(f"rl destroy {name}", code=None)


def linux(xen_image):
    """Time from `rl create` to the shell of Debian's cloud Linux: the same Dom0, rl, kernel and initramfs on both."""
    if not os.path.exists("build/guests.cpio"):
        print("bench: no Linux to start; `make guests` fetches it", file=sys.stderr)
        return
    for name, kernel in (("Ringlet", "build/ringlet.elf"), ("Xen", xen_image)):
        if not kernel:
            continue
        with Machine(["-m", "1024", "-smp", "2", "-cpu", "EPYC,-monitor,-smap", "-kernel", kernel, "-append",
                      hosts.OPTIONS + " dom0_mem=320M dom0_max_vcpus=1 spec-ctrl=eager-fpu sched=credit",
                      "-initrd", "build/guest/kernel-pv64.elf,build/guests.cpio"], f"{OUT}/linux-{name}.log", 600) as m:
            m.expect(r"# ", 120)
            start = time.monotonic()
            m.send("rl create -c linux-cloud.cfg\n")
            m.expect(r"leave it with", 180)
            built = time.monotonic() - start
            up = m.expect(r"is up after ([\d.]+) s", 180)[1]
            m.expect(r"linux# ", 60)
            print(f"from `rl create` to the shell of Debian's cloud Linux on {name}: {time.monotonic() - start:.2f} s "
                  f"({built:.2f} s of it rl's, {up} s by Linux's clock)")


def main():
    os.makedirs(OUT, exist_ok=True)
    images = [("floor", "build/tests/floor.elf", None), ("xen-pv64", xen(), "build/tests/bench-pv64.elf"),
              ("ringlet-pv64", "build/ringlet.elf", "build/tests/bench-pv64.elf"),
              ("ringlet-pv32", "build/ringlet.elf", "build/tests/bench-pv32.elf")]
    runs = []
    for name, kernel, guest in images:
        counted = measure(name, kernel, guest, True) if kernel else {}
        wall = measure(name + "-wall", kernel, guest, False) if kernel and guest else {}
        if kernel and guest:
            kind = name[-2:]
            counted |= measure_switch(f"{name}-switch", kernel, kind, True)
            wall |= measure_switch(f"{name}-switch-wall", kernel, kind, False)
        runs.append((counted, wall))
    table(runs)
    print()
    sizes()
    try:
        system()
        linux(images[1][1])
    except (Failure, TypeError) as why:
        print(f"bench: the whole-system figures stop here: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
