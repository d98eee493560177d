# SPDX-License-Identifier: MIT
"""What disks cost (figures.py disks): of the bare kernel, of Dom0, and of a guest, for Debian's Linux and for the teaching kernel, on
Ringlet and on Debian's Xen. All lie in one file of the build machine, and each kernel is the same everywhere.

Linux is measured by fio, 16 requests at a time; its guests by both back ends, Linux's blkback and rl-blkd. The teaching kernel is
measured by `disk speed`, one request at a time with what its cache reads ahead and writes back; its guests by rl-blkd.

A measure has linux(who, run, device, domains) and teaching(...): `run` runs a line in a shell. Each of fio's rows has its own part of
the disk: what it reads is in no cache, neither Dom0's nor the guest's.
"""

import contextlib
import os
import re
import subprocess
import tempfile

import hosts
import xl_session
from instructions import ICOUNT, Profile, by_who
from linux_guest import SHELL as GUEST_SHELL
from machine import BUILD, Machine
from main_job import Console
from monitor import Monitor

LIMIT = 3000  # seconds for one line
HOSTS = ("bare", "ringlet", "xen")
PROCESSOR = ["-cpu", hosts.BOTH]
MEGABYTES = int(os.environ.get("MEGABYTES", "256"))
# What fio and `disk speed` have in common: name, fio's words, KiB, how many requests are counted.
ROWS = [("read, 64 KiB", "read", 64, 64), ("written, 64 KiB", "write", 64, 64),
        ("read at random, 4 KiB", "randread", 4, 256), ("written at random, 4 KiB", "randwrite", 4, 256)]
ALONE = ("read at random, 4 KiB, one at a time", "randread", 4, 256)
OUR_SHELL = r"[#$] (\x1b\[6n)?$"
LIBRARY = os.path.join(BUILD, "linux-disk", "root", "usr", "lib", "x86_64-linux-gnu", "libaio.so.1")


def fio_line(number, row, depth, rest):
    return "fio --name=f --filename=%%s --rw=%s --bs=%dk --offset=%dm --size=%dm --direct=1 --ioengine=libaio --iodepth=%d --thread %s" % (
        row[1], row[2], number * MEGABYTES, MEGABYTES, depth, rest)


class Speed:
    """MB/s by the machine's clock."""

    unit, more = "MB/s", []

    def __init__(self, host, monitor, folder):
        del host, monitor, folder
        self.found = {}

    def linux(self, who, run, device, domains):
        del domains
        for number, (row, depth) in enumerate([(row, 16) for row in ROWS] + [(ALONE, 1)]):
            said = run("", fio_line(number, row, depth, "--minimal") % device)
            fields = re.search(r"(?m)^3;fio-.*$", said)[0].split(";")
            self.found[who, row[0]] = (int(fields[6]) + int(fields[47])) * 1024 / 1e6  # KiB/s, read and written

    def teaching(self, who, run, device, domains):
        del domains
        said = run("disk speed " + device)
        for row, rate in zip(ROWS, re.findall(r"([\d.]+) MB/s", said)):
            self.found[who, row[0]] = float(rate)


class Instructions:
    """Executed instructions for a request, of everybody, and of each."""

    unit, more = "instructions", ICOUNT

    def __init__(self, host, monitor, folder):
        self.host, self.profile = host, Profile(host, monitor, folder)
        self.found = {}
        said = subprocess.run(["objdump", "-d", LIBRARY], check=True, text=True, stdout=subprocess.PIPE).stdout
        begin = said.index("<io_submit@@")
        self.marks = [int(at, 16) for at in re.findall(r"(?m)^ +([0-9a-f]+):\t", said[begin:begin + 1000])[:5]]

    def keep(self, who, row, count, sums):
        each = {name: n / count for name, n in sums.items()}
        self.found[who, row] = sum(each.values())
        for name in sorted(each):
            self.found[who, row + ": " + name] = each[name]

    def linux(self, who, run, device, domains):
        run("", fio_line(0, ALONE, 1, "--number_ios=16 >/dev/null") % device)  # fio is in memory from now on
        for number, (row, depth) in enumerate([(row, 16) for row in ROWS] + [(ALONE, 1)]):
            line = fio_line(number, row, depth, "--time_based --runtime=9999 --eta=never") % device
            run("(setsid ", line + " >/dev/null 2>&1 &)")
            run("", "sleep 0.2")  # it has begun, and not yet come to the end of its part
            count, listed = self.profile.until(self.marks, row[3], LIMIT)
            run("", "pkill -9 fio")
            self.keep(who, row[0], count, by_who(self.host, domains, listed))

    def teaching(self, who, run, device, domains):
        """Of many requests and of few: the difference has no start of a program in it."""
        for number, (name, _, _, many) in enumerate(ROWS, 1):
            sums = []
            for count in (many // 4, many):
                with self.profile:
                    run("disk speed %s %d %d" % (device, number, count))
                sums.append(by_who(self.host, domains, self.profile.take_all()))
            sums[1].subtract(sums[0])
            self.keep(who, name, many - many // 4, sums[1])


@contextlib.contextmanager
def scratch():
    """A file for all rows; what is read in it is no hole."""
    with tempfile.NamedTemporaryFile(prefix="ringlet-figures-") as f:
        some = os.urandom(1 << 20)
        for _ in range(MEGABYTES * (len(ROWS) + 1)):
            f.write(some)
        f.flush()
        yield f.name


def drive(path, more=""):
    return ["-drive", "if=virtio,format=raw,cache=unsafe,file=" + path + more]


def linux_machine(host, more):
    """Disks vdc, Linux's, and vdd for the figures (bare: a and b)."""
    if host != "bare":
        return xl_session.machine(host, "figures", 20000, more=PROCESSOR + more, dom0="dom0_mem=800M dom0_max_vcpus=1")
    return Machine(["-m", "1600", "-smp", "2"] + PROCESSOR + more + ["-kernel", os.path.join(BUILD, "guests", "vmlinuz"),
                   "-append", "console=ttyS0 maxcpus=1", "-initrd", os.path.join(xl_session.OUT, "dom0.cpio")],
                   os.path.join(BUILD, "tests", "figures-bare.log"), 20000)


def ask_guest(s, line):
    answer = s.m.run(line, LIMIT)
    s.m.expect(GUEST_SHELL, 60)
    return answer


def linux_guest(s, tool, who, measure):
    """A guest whose root and whose second disk are disks of Dom0, made by `tool`."""
    s.ask("%s create -q /etc/xen/disk.cfg \"disk=['phy:/dev/vdc,xvda,w', 'phy:/dev/vdd,xvdb,w']\" vif=[]" % tool, limit=LIMIT)
    s.ask("xl vcpu-pin disk 0 1")
    s.m.send("%s console disk\n\n" % tool)
    s.m.expect(GUEST_SHELL, LIMIT)
    measure.linux(who, lambda before, line: ask_guest(s, before + line), "/dev/xvdb", ["Dom0", "guest"])
    s.m.send("poweroff\n")
    s.m.expect(xl_session.SHELL, LIMIT)
    s.ask("await '! xl domid disk'", limit=LIMIT)


def linux(host, measure, more, path):
    disk = os.path.join(BUILD, "linux-disk", "disk.img")
    root, data = ("/dev/vda1", "/dev/vdb") if host == "bare" else ("/dev/vdc1", "/dev/vdd")
    with linux_machine(host, more + drive(disk, ",snapshot=on") + drive(path)) as m:
        s = xl_session.Session(m, host, "")
        s.boot()
        s.ask("mkdir /a && mount -o ro %s /a && for d in proc sys dev; do mount --bind /$d /a/$d; done" % root)
        if host != "bare":
            s.ask("xl vcpu-pin Domain-0 0 0")
        where = "bare" if host == "bare" else "Dom0"
        name = "Linux, " + where
        measure.linux(name, lambda before, line: s.ask(before + "chroot /a " + line, limit=LIMIT), data, [where, where])
        s.ask("await 'umount -R /a'")  # fio may still be ending
        if host != "bare":
            linux_guest(s, "xl", "Linux, guest by blkback", measure)
            linux_guest(s, "rl", "Linux, guest by rl-blkd", measure)


def teaching(host, measure, more, path):
    guest = os.path.join(BUILD, "guest")
    if host == "bare":
        args = ["-m", "256", "-kernel", os.path.join(guest, "kernel-native64.elf"), "-append", "quiet", "-initrd", os.path.join(guest, "initrd64.cpio")]
    else:
        args = hosts.arguments(host, 512, "dom0_mem=160M dom0_max_vcpus=1 loglvl=warning guest_loglvl=none",
                               [os.path.join(guest, "kernel-pv64.elf") + " quiet", os.path.join(BUILD, "dom0.cpio")])
    with Machine(args + PROCESSOR + more + drive(path), os.path.join(BUILD, "tests", "figures-teaching-%s.log" % host), 20000) as m:
        m.expect(OUR_SHELL, 900)
        where = "bare" if host == "bare" else "Dom0"

        def run(line):
            return m.run(line, LIMIT)

        measure.teaching("teaching kernel, " + where, run, "/dev/vda", [where, where])
        if host != "bare":
            run("rl create -q demo64.cfg \"disk=['phy:/dev/vda,xvda,w']\"")
            with Console(m, "demo64"):
                # Nobody pins a vCPU here, so the processor does not say who it is.
                measure.teaching("teaching kernel, guest", run, "/dev/xvda", ["Dom0 or guest", "Dom0 or guest"])


def fair_guest(s, name, disk):
    s.ask("rl create -q /etc/xen/disk.cfg name=%s \"disk=['phy:/dev/vdc,xvda,r', 'phy:/dev/%s,xvdb,w']\" vif=[] "
          "\"extra=console=hvc0 root=/dev/xvda1 ro\"" % (name, disk), limit=LIMIT)
    s.m.send("rl console %s\n\n" % name)
    s.m.expect(GUEST_SHELL, LIMIT)


def fair_rate(s, row, depth, seconds):
    """Requests in a second of a clock that counts instructions."""
    said = ask_guest(s, fio_line(0, row, depth, "--time_based --runtime=%d --minimal" % seconds) % "/dev/xvdb")
    fields = re.search(r"(?m)^3;fio-.*$", said)[0].split(";")
    return float(fields[7])


def fair(host):
    """One guest reads 4 KiB at a time, another 64 KiB with 16 requests under way: how often the first is served, without and with the
    other. rl-blkd serves both, from two disks."""
    disk = os.path.join(BUILD, "linux-disk", "disk.img")
    with scratch() as one, scratch() as two, linux_machine(host, ICOUNT + drive(disk, ",snapshot=on") + drive(one) + drive(two)) as m:
        s, found = xl_session.Session(m, host, ""), {}
        s.boot()
        fair_guest(s, "greedy", "vde")
        found["64 KiB, 16 at a time, alone"] = fair_rate(s, ROWS[0], 16, 2)
        s.leave()
        fair_guest(s, "modest", "vdd")
        found["4 KiB, one at a time, alone"] = fair_rate(s, ALONE, 1, 2)
        s.leave()
        s.m.send("rl console greedy\n\n")
        s.m.expect(GUEST_SHELL, LIMIT)
        ask_guest(s, "(setsid %s >/dev/null 2>&1 &)" % (fio_line(0, ROWS[0], 16, "--time_based --runtime=9999 --eta=never") % "/dev/xvdb"))
        s.leave()
        s.m.send("rl console modest\n\n")
        s.m.expect(GUEST_SHELL, LIMIT)
        found["4 KiB, one at a time, beside the other"] = fair_rate(s, ALONE, 1, 2)
        return found


def figures(host, kind):
    """{(who, row): figure}, in order."""
    found = {}
    for session in (linux, teaching):
        with tempfile.TemporaryDirectory() as folder, Monitor() as monitor, scratch() as path:
            measure = kind(host, monitor, folder)
            session(host, measure, monitor.args + measure.more, path)
            found.update(measure.found)
    return found


def show(found, unit):
    """`found`: {host: figures}. A row for each thing that is done, by whom on what."""
    print("%-62s %10s %10s %10s %6s" % (unit, "no host", "Ringlet", "Xen", "R/X"))
    keys = list(dict.fromkeys(key for host in HOSTS for key in found.get(host, {})))
    for key in keys:
        cells = [found.get(host, {}).get(key) for host in HOSTS]
        ratio = "%6.2f" % (cells[1] / cells[2]) if cells[1] and cells[2] else ""
        print("%-62s " % ": ".join(key) + " ".join("%10s" % ("" if c is None else round(c, 1) if unit == "MB/s" else round(c)) for c in cells) + " " + ratio)
    for kernel, guests in (("Linux", ("guest by blkback", "guest by rl-blkd")), ("teaching kernel", ("guest",))):
        for guest in guests:
            for row in ROWS:
                cells = [ratio_of(found, host, kernel, guest, row[0], unit) for host in HOSTS[1:]]
                if any(cells):
                    print("%-62s %10s %10s %10s" % ("%s, %s of Dom0's speed: %s" % (kernel, guest, row[0]), "", *cells))


def ratio_of(found, host, kernel, guest, row, unit):
    ours, dom0 = (found.get(host, {}).get(("%s, %s" % (kernel, who), row)) for who in (guest, "Dom0"))
    return "" if not ours or not dom0 else "%.2f" % (ours / dom0 if unit == "MB/s" else dom0 / ours)
