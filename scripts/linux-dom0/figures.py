#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Debian's Linux costs as Dom0, and its guests, on Ringlet beside Debian's Xen, in one run:

    figures.py speed      seconds to a shell (also on the bare machine), and what disks and networks carry, by the machine's
                          clock: the build machine must be idle; the best of three rounds, in turns; MB/s, and 1/s for the
                          time to the shell
    figures.py fio        what fio measures of disks, in MB/s: Dom0's own, a guest's by Linux's back end, a guest's by rl-blkd (started by
                          rl, beside Debian's daemons), and how much of Dom0's each guest has; on an idle machine, as speed;
                          MEGABYTES are how many each row reads or writes (64)
    figures.py count      instructions of the hypervisor for one `xl create`, one block request, one packet: QEMU logs each
                          instruction that is executed in the hypervisor's image

The processor is the same for all. Needs `make linux-dom0 linux-disk`.
"""

import os
import re
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
# pylint: disable=wrong-import-position
import hosts
import xl_session
from machine import Machine
from linux_guest import SHELL as GUEST_SHELL
from monitor import Monitor

# Where each hypervisor's code is: docs/memory-layout.md; Xen's asm-x86/config.h.
CODE = {"ringlet": "0xffff828000000000+0x4000000000", "xen": "0xffff82d040000000+0x40000000"}
INSTRUCTIONS = ["-icount", "shift=0,sleep=on"]
PROCESSOR = ["-cpu", hosts.BOTH]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
MEGABYTES = 64
FIO_MEGABYTES = int(os.environ.get("MEGABYTES", "64"))
FIO_ROWS = [("read, 64 KiB", "read", "64k"), ("written, 64 KiB", "write", "64k"),
            ("read at random, 4 KiB", "randread", "4k"), ("written at random, 4 KiB", "randwrite", "4k")]
LIMIT = 3000  # seconds for one line: what is counted runs at a hundredth of its speed
END = b"end\n"
DOMU = "xl create -q /etc/xen/linux.cfg 'disk=[\"phy:/dev/vdb,xvda,w\"]'"


class Counter:
    """Executed instructions of the hypervisor, by a log that a pipe carries to a counter."""

    def __init__(self, host, monitor, folder):
        self.monitor = monitor
        self.pipe = os.path.join(folder, "log")
        os.mkfifo(self.pipe)
        self.args = ["-dfilter", CODE[host]]

    def order(self, line):
        self.monitor.run("human-monitor-command", **{"command-line": line})

    def count(self, work):
        """How many instructions `work()` makes the hypervisor execute."""
        self.lines = 0
        reader = threading.Thread(target=self._read)
        reader.start()
        self.order("logfile " + self.pipe)
        self.order("singlestep on")
        self.order("log exec,nochain")
        work()
        self.order("log none")
        self.order("singlestep off")
        with open(self.pipe, "wb") as pipe:  # QEMU keeps its end open
            pipe.write(END)
        reader.join()
        return self.lines

    def _read(self):
        with open(self.pipe, "rb", buffering=0) as pipe:
            piece = b""
            while not piece.endswith(END):
                piece = pipe.read(1 << 20)
                self.lines += piece.count(b"\nTrace")

    def each(self, work, few, many):
        """Of one of many equal things: work(few) has all that comes but once."""
        return (self.count(lambda: work(many)) - self.count(lambda: work(few))) / (many - few)


def ask_guest(s, line):
    answer = s.m.run(line, LIMIT)
    s.m.expect(GUEST_SHELL, 60)
    return answer


def counted(host):
    """Instructions of the hypervisor, by what they were executed for."""
    with tempfile.TemporaryDirectory() as folder, Monitor() as monitor:
        counter = Counter(host, monitor, folder)
        with xl_session.machine(host, "figures", 6000, more=PROCESSOR + monitor.args + counter.args + INSTRUCTIONS) as m:
            s = xl_session.Session(m, host, "")
            s.boot()
            found = {"one create": counter.count(lambda: s.ask("xl create -q /etc/xen/demo64.cfg", limit=LIMIT))}
            s.ask("xl destroy demo64")
            s.ask(DOMU)
            s.enter("linux")
            ask_guest(s, "dd if=/dev/xvda of=/dev/null bs=4k count=64 iflag=direct")  # all is in place
            found["one block request"] = counter.each(
                lambda n: ask_guest(s, "dd if=/dev/xvda of=/dev/null bs=4k count=%d iflag=direct" % n), 10, 110)
            found["one packet"] = counter.each(lambda n: ask_guest(s, "ping -q -c %d -i 0.01 10.0.2.15" % (n // 2)), 20, 220)
            return found


def took(ask, line):
    """Seconds of the machine's clock."""
    said = ask("a=$(cut -d' ' -f1 /proc/uptime); %s; echo took $a $(cut -d' ' -f1 /proc/uptime)" % line)
    begin, end = re.search(r"took (\S+) (\S+)", said).groups()
    return float(end) - float(begin)


def carried(ask, peer, disk, found, who):
    """MB/s of a disk, read and written, and of a file by HTTP from `peer`."""
    for way, line in (("read", "dd if=%s of=/dev/null bs=1M count=128 iflag=direct"), ("written", "dd if=/dev/zero of=%s bs=1M count=128 oflag=direct")):
        found["%s: disk %s" % (who, way)] = 128 * 1.048576 / took(ask, line % disk)
    found["%s: network" % who] = MEGABYTES * 1.048576 / took(ask, "%swget -q -O /dev/null %s" % ("busybox " if who == "Dom0" else "", peer))


def bare():
    """The same Linux without a hypervisor: seconds to its shell."""
    guests = os.path.join(xl_session.BUILD, "guests")
    start = time.monotonic()
    with Machine(["-m", "1600", "-smp", "2"] + PROCESSOR + ["-kernel", os.path.join(guests, "vmlinuz"), "-append", "console=ttyS0",
                  "-initrd", os.path.join(xl_session.OUT, "dom0.cpio"), "-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0"],
                 os.path.join(xl_session.BUILD, "tests", "figures-bare.log"), 900) as m:
        m.expect(xl_session.SHELL, 900)
        return time.monotonic() - start


def timed(host, web):
    """Seconds to a shell, MB/s."""
    start = time.monotonic()
    with xl_session.machine(host, "figures", 1800, more=PROCESSOR) as m:
        s = xl_session.Session(m, host, web.url)
        s.boot()
        found = {"1/s to a shell": 1 / (time.monotonic() - start)}
        s.ask("head -c %dM /dev/zero >/tmp/zeros; busybox httpd -p 8000 -h /tmp" % MEGABYTES)
        carried(s.ask, "http://127.0.0.1:8000/zeros", "/dev/vdb", found, "Dom0")
        s.ask(DOMU)
        s.enter("linux")
        carried(lambda line: ask_guest(s, line), "http://10.0.2.15:8000/zeros", "/dev/xvda", found, "DomU")
        return found


def by_fio(run, device, who, found):
    for row, way, size in FIO_ROWS:
        said = run("fio --name=f --filename=%s --rw=%s --bs=%s --size=%dm --direct=1 --ioengine=libaio --iodepth=16 --minimal" %
                   (device, way, size, FIO_MEGABYTES))
        fields = re.search(r"(?m)^3;fio-.*$", said)[0].split(";")
        found["%s: %s" % (who, row)] = (int(fields[6]) + int(fields[47])) * 1024 / 1e6  # KiB/s, read and written


def in_guest(s, tool, found, who):
    """A guest whose root and whose second disk are disks of Dom0, made by `tool`."""
    s.ask("%s create -q /etc/xen/disk.cfg \"disk=['phy:/dev/vdc,xvda,w', 'phy:/dev/vdd,xvdb,w']\" vif=[]" % tool)
    s.m.send("%s console disk\n\n" % tool)
    s.m.expect(GUEST_SHELL, LIMIT)
    by_fio(lambda line: ask_guest(s, line), "/dev/xvdb", who, found)
    s.m.send("poweroff\n")
    s.m.expect(xl_session.SHELL, LIMIT)
    s.ask("await '! xl domid disk'")


def fio(host):
    """MB/s by fio, which is on the disk that guests start from."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = os.path.join(folder, "scratch")
        with open(scratch, "wb") as f:
            f.truncate(FIO_MEGABYTES << 20)
        more = ["-drive", "if=virtio,format=raw,cache=unsafe,snapshot=on,file=" + os.path.join(xl_session.BUILD, "linux-disk", "disk.img"),
                "-drive", "if=virtio,format=raw,cache=unsafe,file=" + scratch]
        with xl_session.machine(host, "figures", 7200, more=PROCESSOR + more) as m:
            s, found = xl_session.Session(m, host, ""), {}
            s.boot()
            s.ask("mkdir /a && mount -o ro /dev/vdc1 /a && for d in proc sys dev; do mount --bind /$d /a/$d; done")
            s.ask("dd if=/dev/urandom of=/dev/vdd bs=1M count=%d" % FIO_MEGABYTES, limit=LIMIT)  # no holes are read
            by_fio(lambda line: s.ask("chroot /a " + line, limit=LIMIT), "/dev/vdd", "Dom0", found)
            s.ask("umount -R /a")
            in_guest(s, "xl", found, "DomU, blkback")
            s.ask("rl-blkd 2>/var/log/rl-blkd.log &")
            in_guest(s, "rl", found, "DomU, rl-blkd")
        for who in ("DomU, blkback", "DomU, rl-blkd"):
            for row, _, _ in FIO_ROWS:
                found["%s of Dom0's: %s" % (who, row)] = found["%s: %s" % (who, row)] / found["Dom0: " + row]
        return found


def best(measure):
    """The best of some rounds, row by row; the hosts take turns, so that both see the same build machine."""
    rounds = [{host: measure(host) for host in CODE} for _ in range(ROUNDS)]
    return {host: {row: max(r[host][row] for r in rounds) for row in rounds[0][host]} for host in CODE}


def show(table, digits):
    for row in table["ringlet"]:
        ours, theirs = (table[host][row] for host in ("ringlet", "xen"))
        print("%-48s %12.*f %12.*f %6.2f" % (row, digits, ours, digits, theirs, ours / theirs))


def main(what):
    print("%-48s %12s %12s %6s" % ("", "Ringlet", "Xen", "ratio"))
    if what == "count":
        show({host: counted(host) for host in CODE}, 0)
    elif what == "fio":
        show(best(fio), 2)
    else:
        with xl_session.Web() as web:
            show(best(lambda host: timed(host, web)), 3)
        print("the bare machine: %.1f s to a shell" % min(bare() for _ in range(ROUNDS)))


if sys.argv[1:] not in (["speed"], ["fio"], ["count"]):
    sys.exit(__doc__)
main(sys.argv[1])
