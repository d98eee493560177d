#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Debian's Linux costs as Dom0, and its guests, on Ringlet beside Debian's Xen, in one run:

    figures.py speed      seconds to a shell (also on the bare machine), and what disks and networks carry, by the machine's
                          clock: the build machine must be idle; the best of three rounds, in turns; MB/s, and 1/s for the
                          time to the shell
    figures.py count      instructions of the hypervisor for one `xl create`, one block request, one packet: QEMU logs each
                          instruction that is executed in the hypervisor's image

The processor is the same for all. Needs `make linux-dom0`.
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


def best(web):
    """The best of some rounds, row by row; the hosts take turns, so that both see the same build machine."""
    rounds = [{host: timed(host, web) for host in CODE} for _ in range(ROUNDS)]
    return {host: {row: max(r[host][row] for r in rounds) for row in rounds[0][host]} for host in CODE}


def show(table, digits):
    for row in table["ringlet"]:
        ours, theirs = (table[host][row] for host in ("ringlet", "xen"))
        print("%-24s %12.*f %12.*f %6.2f" % (row, digits, ours, digits, theirs, ours / theirs))


def main(what):
    print("%-24s %12s %12s %6s" % ("", "Ringlet", "Xen", "ratio"))
    if what == "count":
        show({host: counted(host) for host in CODE}, 0)
    else:
        with xl_session.Web() as web:
            show(best(web), 3)
        print("the bare machine: %.1f s to a shell" % min(bare() for _ in range(ROUNDS)))


if sys.argv[1:] not in (["speed"], ["count"]):
    sys.exit(__doc__)
main(sys.argv[1])
