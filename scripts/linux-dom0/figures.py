#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Debian's Linux costs as Dom0, and its guests, on Ringlet beside Debian's Xen, in one run:

    figures.py speed      seconds to a shell (also on the bare machine), and what disks and networks carry, by the machine's
                          clock: the build machine must be idle; the best of three rounds, in turns; MB/s, and 1/s for the
                          time to the shell
    figures.py count      instructions of the hypervisor for one `xl create`, one block request, one packet
    figures.py disks instructions
                          what a request for a disk costs everybody (disk_figures.py), in instructions
    figures.py disks time the same in MB/s; the build machine must be idle; the best of three rounds
    figures.py disks fair how much of a disk's speed is left to a guest beside a greedy one

The processor is the same for all. Needs `make linux-dom0 linux-disk`.
"""

import os
import re
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
# pylint: disable=wrong-import-position
import hosts
import xl_session
from machine import Machine
import disk_figures as disks
from instructions import CODE as HOSTS, ICOUNT, Counter
from linux_guest import SHELL as GUEST_SHELL
from monitor import Monitor

PROCESSOR = ["-cpu", hosts.BOTH]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
MEGABYTES = 64
LIMIT = 3000  # seconds for one line: what is counted runs at a hundredth of its speed
DOMU = "xl create -q /etc/xen/linux.cfg 'disk=[\"phy:/dev/vdb,xvda,w\"]'"


def ask_guest(s, line):
    answer = s.m.run(line, LIMIT)
    s.m.expect(GUEST_SHELL, 60)
    return answer


def counted(host):
    """Instructions of the hypervisor, by what they were executed for."""
    with tempfile.TemporaryDirectory() as folder, Monitor() as monitor:
        counter = Counter(host, monitor, folder)
        with xl_session.machine(host, "figures", 6000, more=PROCESSOR + monitor.args + counter.args + ICOUNT) as m:
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


def best(measure, on=HOSTS):
    """The best of some rounds, row by row; the hosts take turns, so that all see the same build machine."""
    rounds = [{host: measure(host) for host in on} for _ in range(ROUNDS)]
    return {host: {row: max(r[host][row] for r in rounds) for row in rounds[0][host]} for host in on}


def show(table, digits):
    for row in table["ringlet"]:
        ours, theirs = (table[host][row] for host in ("ringlet", "xen"))
        print("%-48s %12.*f %12.*f %6.2f" % (row, digits, ours, digits, theirs, ours / theirs))


def of_disks(unit):
    on = os.environ.get("ON", " ".join(disks.HOSTS)).split()
    if unit == "fair":
        print("requests in a second, by a clock that counts instructions")
        for host in (host for host in on if host in HOSTS):
            for row, rate in disks.fair(host).items():
                print("%-12s %-48s %8.0f" % (host, row, rate))
    elif unit == "instructions":
        disks.show({host: disks.figures(host, disks.Instructions) for host in on}, disks.Instructions.unit)
    else:
        disks.show(best(lambda host: disks.figures(host, disks.Speed), on), disks.Speed.unit)


def main(what):
    if what[0] == "disks":
        of_disks(what[1])
        return
    print("%-48s %12s %12s %6s" % ("", "Ringlet", "Xen", "ratio"))
    if what == ["count"]:
        show({host: counted(host) for host in HOSTS}, 0)
    else:
        with xl_session.Web() as web:
            show(best(lambda host: timed(host, web)), 3)
        print("the bare machine: %.1f s to a shell" % min(bare() for _ in range(ROUNDS)))


if sys.argv[1:] not in (["speed"], ["count"], ["disks", "instructions"], ["disks", "time"], ["disks", "fair"]):
    sys.exit(__doc__)
main(sys.argv[1:])
