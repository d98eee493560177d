#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Volumes and mirrors below a virtual disk, which notices nothing of them:  linux_dom0_storage.py ringlet|xen

On Debian's Linux as Dom0, two disks are a mirror (md), the mirror is a pool of thin volumes (LVM), and one volume is a guest's second
disk. All the time the guest writes a file there, flushes it, reads it back and compares. Meanwhile, from below: the volume grows, and
the guest's file system with it; a snapshot is taken and looked at; the guest spoils its files and the volume goes back to the snapshot,
the guest running on; one of the two disks is pulled out, and a new one takes its place. Then the teaching kernel has a volume, by Linux's back end and by rl-blkd. In the end the halves of the mirror are the
same to the byte, and the file systems are clean.

The machine's clock counts instructions (hosts.py).
"""

import hashlib
import os
import re
import subprocess
import sys

import hosts
import xl_session
from linux_guest import SHELL as GUEST_SHELL
from machine import BUILD, Tap, require
from monitor import Monitor

TESTS = os.path.join(BUILD, "tests")
CLOCK = [] if hosts.CLOCK else ["-icount", "shift=0,sleep=off"]
OURS = r"demo64:/root# (\x1b\[6n)?$"
HALF = 192 << 20  # bytes of each disk of the mirror
CONTENTS = "".join("%d\n" % n for n in range(1, 20001)).encode()
SUM = hashlib.sha256(CONTENTS).hexdigest()
# The guest's work: how many rounds are over is in /tmp/rounds; what went wrong, in /tmp/wrong.
WORK = ("work() { n=0; while [ ! -e /tmp/stop ]; do seq 20000 >/data/work && sync -f /data/work && echo 1 >/proc/sys/vm/drop_caches; "
        "[ \"$(sha256sum </data/work)\" = '%s  -' ] || echo round $n >>/tmp/wrong; n=$((n + 1)); echo $n >/tmp/rounds; done; }" % SUM)
DISK = "d() { for b in /sys/block/vd*; do [ \"$(cat $b/serial)\" != $1 ] || echo /dev/${b##*/}; done; }"
STATE = "xenstore-read /local/domain/0/backend/vbd/$(xl domid disk)/51728/state"


class Storage:
    """The session, and the monitor that pulls disks out and puts them in."""

    def __init__(self, s, monitor, images):
        self.s, self.monitor, self.images = s, monitor, images

    def builds(self):
        s = self.s
        s.quiet(DISK)
        s.ask("mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --assume-clean --bitmap=internal $(d half0) $(d half1)")
        require("[2/2] [UU]" in s.ask("cat /proc/mdstat"), "the mirror is not whole")
        s.ask("pvcreate /dev/md0 && vgcreate pool /dev/md0")
        s.ask("lvcreate -L 120M -T pool/thin && lvcreate -V 64M -T pool/thin -n work")
        s.ask("mke2fs -q -t ext4 /dev/pool/work")

    def lends(self):
        s = self.s
        s.ask("xl create -q /etc/xen/disk.cfg \"disk=['phy:$(d root),xvda,w', 'phy:/dev/pool/work,xvdb,w']\"")
        s.enter("disk")
        s.inside(xl_session.AWAIT)
        s.inside("mkdir /data && mount /dev/xvdb /data && seq 1000 >/data/kept")
        s.m.run(WORK, 60)
        s.m.expect(GUEST_SHELL)
        self.starts_work()
        s.leave()

    def starts_work(self):
        self.s.inside("rm -f /tmp/stop /tmp/rounds; work & await '[ -s /tmp/rounds ]'")

    def works_on(self):
        """From now on, some rounds more, and none of them wrong; its console is open afterwards."""
        s = self.s
        s.enter("disk")
        s.inside("old=$(cat /tmp/rounds); await '[ $(cat /tmp/rounds) -gt $((old + 2)) ]'; [ ! -e /tmp/wrong ]", limit=1200)

    def grows(self):
        s = self.s
        s.ask("lvextend -L 160M pool/work")  # more than the pool has: thin
        self.works_on()
        s.inside("await '[ $(cat /sys/block/xvdb/size) = 327680 ]' && resize2fs /dev/xvdb && df -k /data", limit=1200)
        size = int(re.search(r"xvdb +(\d+)", s.inside("df -k /data"))[1])
        require(size > 140000, "the file system has %d KiB" % size)
        s.leave()

    def keeps(self):
        """A snapshot under the working guest; it is mounted beside it."""
        s = self.s
        s.ask("lvcreate -s -n before pool/work && lvchange -ay -K pool/before")
        # What was flushed is there. Its journal is replayed, as after a power cut.
        s.ask("mkdir -p /a && mount /dev/pool/before /a && sha256sum /a/kept && umount /a && e2fsck -fn /dev/pool/before")
        self.works_on()
        s.inside("echo spoilt >/data/kept && sync && touch /tmp/stop && wait && umount /data", limit=1200)
        s.leave()

    def goes_back(self):
        """The disk is taken from the guest, is what it was, and comes back; the guest goes on."""
        s = self.s
        s.ask("xl block-detach disk xvdb && await '! %s'" % STATE)
        s.ask("lvchange -an pool/before pool/work && lvconvert --merge pool/before && lvchange -ay pool/work")
        s.ask("xl block-attach disk phy:/dev/pool/work xvdb w && await '[ $(%s) = 4 ]'" % STATE)
        s.enter("disk")
        s.inside("await '[ -b /dev/xvdb ]' && mount /dev/xvdb /data && seq 1000 | busybox cmp - /data/kept")
        self.starts_work()
        s.leave()

    def loses_a_half(self):
        s = self.s
        self.monitor.run("device_del", id="half1")
        s.ask("await '[ -z \"$(d half1)\" ]'")
        self.works_on()
        s.inside("seq 300000 >/data/more && sync", limit=1200)
        s.leave()
        require("[2/1] [U_]" in s.ask("cat /proc/mdstat"), "the mirror does not know that a half is gone")

    def gets_a_new_half(self):
        s = self.s
        self.monitor.run("blockdev-add", **{"driver": "raw", "node-name": "new", "file": {"driver": "file", "filename": self.images[2]}})
        self.monitor.run("device_add", driver="virtio-blk-pci", drive="new", id="half2", serial="half2")
        s.ask("await '[ -n \"$(d half2)\" ]' && mdadm /dev/md0 --add $(d half2)")
        self.works_on()
        s.leave()
        s.ask("await 'grep -F \"[2/2] [UU]\" /proc/mdstat'")

    def ends(self):
        s = self.s
        self.works_on()
        s.inside("touch /tmp/stop; wait; seq 300000 | busybox cmp - /data/more && umount /data", limit=1200)
        require(s.inside("dmesg | grep -c -i -e 'I/O error' -e 'EXT4-fs error'", 1).split()[0] == "0", "the guest noticed")
        s.m.send("poweroff\n")
        s.m.expect(xl_session.SHELL, 600)
        s.ask("await '! xl domid disk'; e2fsck -fn /dev/pool/work && lvs -a pool")

    def lends_to_ours(self):
        """The teaching kernel has a volume by Linux's back end, then by rl-blkd, each time another size and another line."""
        s = self.s
        s.ask("lvcreate -V 16M -T pool/thin -n ours && mke2fs -q -t ext2 /dev/pool/ours")
        s.ask("setsid rl-blkd >/var/log/rl-blkd.log 2>&1 &")
        for tool, folder in (("xl", "xen"), ("rl", "rl")):
            s.ask("%s create -q /etc/%s/demo64.cfg 'disk=[\"phy:/dev/pool/ours,xvda,w\"]'" % (tool, folder), limit=1200)
            s.m.send("%s console demo64\n\n" % tool)
            s.m.expect(OURS, 600)
            s.m.run("mkdir -p /mnt && mount -t ext2 /dev/xvda /mnt && echo by %s >>/mnt/who && seq 20000 >/mnt/work && sync && umount /mnt" %
                    tool, 1200)
            s.m.expect(OURS)
            s.m.send("poweroff\n")
            s.m.expect(xl_session.SHELL, 600)
            s.ask("await '! xl domid demo64'; e2fsck -fn /dev/pool/ours && debugfs -R 'cat /work' /dev/pool/ours | sha256sum | grep %s" % SUM)
            s.ask("lvextend -L +8M pool/ours && e2fsck -fp /dev/pool/ours && resize2fs /dev/pool/ours")
        require("by xl\nby rl" in s.ask("debugfs -R 'cat /who' /dev/pool/ours"), "the guests' lines are not there")

    def halves(self):
        """Taken apart, both disks have the same."""
        s = self.s
        s.ask("vgchange -an pool && mdadm --stop /dev/md0")
        found, _ = s.quiet("mdadm --examine $(d half0) $(d half2) | grep -e 'Data Offset' -e Array.State; sync")
        offsets = re.findall(r"Data Offset : (\d+) sectors", found)
        require(len(offsets) == 2 and offsets[0] == offsets[1] and found.count("AA") == 2, found)
        s.healthy()
        self.same(int(offsets[0]) * 512)

    def same(self, start):
        parts = []
        for image in (self.images[0], self.images[2]):
            with open(image, "rb") as f:
                f.seek(start)
                parts.append(f.read(HALF - start))
        require(parts[0] == parts[1] and any(parts[0]), "the halves of the mirror differ")


def main(host):
    tap = Tap()
    os.makedirs(TESTS, exist_ok=True)
    images = [os.path.join(TESTS, "linux-dom0-storage-%s-half%d.img" % (host, n)) for n in range(3)]
    for path in images:
        with open(path, "wb") as f:
            f.truncate(HALF)
    root = os.path.join(TESTS, "linux-dom0-storage-%s-root.img" % host)
    subprocess.run(["cp", "--sparse=always", os.path.join(BUILD, "linux-disk", "disk.img"), root], check=True)
    more = list(CLOCK)
    for name, path in (("root", root), ("half0", images[0]), ("half1", images[1])):
        more += ["-drive", "if=none,id=d%s,format=raw,cache=unsafe,file=%s" % (name, path),
                 "-device", "virtio-blk-pci,drive=d%s,id=%s,serial=%s" % (name, name, name)]
    with Monitor() as monitor, xl_session.machine(host, "linux-dom0-storage", 5400, more=more + monitor.args) as m:
        s = xl_session.Session(m, host, "")
        storage = Storage(s, monitor, images)
        steps = [("Linux is Dom0", s.boot), ("two disks are a mirror, a pool, a volume", storage.builds),
                 ("a guest works on the volume", storage.lends), ("the volume grows, the guest's file system with it", storage.grows),
                 ("a snapshot is taken under the guest", storage.keeps),
                 ("the volume goes back to it, the guest runs on", storage.goes_back),
                 ("a disk of the mirror is pulled out, the guest works on", storage.loses_a_half),
                 ("a new one takes its place", storage.gets_a_new_half), ("the guest noticed nothing, all is clean", storage.ends),
                 ("the teaching kernel works on a volume, by both back ends", storage.lends_to_ours),
                 ("both halves are the same", storage.halves)]
        for name, step in steps:
            if not tap.step(name, step):
                break  # the next ones need what this one makes
    tap.end()


if len(sys.argv) != 2 or sys.argv[1] not in hosts.HOSTS:
    sys.exit(__doc__)
main(sys.argv[1])
