# SPDX-License-Identifier: MIT
"""Disks as rl handles them: `disk = [...]` in a configuration, block-attach, block-list, block-detach, cd-insert and cd-eject, a
second user of an image, a reboot, an end; with Debian's Linux as guest. The steps are done in a machine that system/disks.py has
booted: its Dom0's prompt is there, and /host is the folder `share`."""

import os
import re
import subprocess

from linux_guest import SHELL as LINUX, ask
from machine import audit, require

DOM0 = r"[#$] (\x1b\[6n)?$"
CONFIG = '''name = "web"
kernel = "/host/vmlinuz"
ramdisk = "/host/guest.cpio"
memory = 160
extra = "console=hvc0"
disk = [
  "root.img,raw,xvda,w",
  ",,xvdc,cdrom",
]
'''
HEAD = "Vdev  BE  handle state evt-ch ring-ref BE-path"
# One line each, and where it comes from.
REFUSED = (
    ("/host/root.img,xvda,w", r'web.cfg:7: disk "/host/root.img,xvda,w": "xvda" is no format'),
    ("/host/root.img,raw,xvda,w!", r"web.cfg:7: disk .*two domains write one image"),
    ("vdev=xvda,script=block-nbd,target=h:1", r"web.cfg:7: disk .*network disks work with xl on a Linux Dom0"),
    ("/host/none.img,raw,xvda,w", r"web.cfg:7: disk .*none.img: no such file"),
    ("/host/root.img,qcow2,xvda,w", r"web.cfg:7: disk .*is not qcow2"),
    ("/host,raw,xvda,w", r"web.cfg:7: disk .*neither a file nor a block device"),
)


def fill(share):
    """What the steps need there besides vmlinuz and guest.cpio."""
    with open(os.path.join(share, "web.cfg"), "w") as f:
        f.write(CONFIG)
    for name, size in (("root.img", 48), ("data.img", 32), ("disc.iso", 6)):
        with open(os.path.join(share, name), "w") as f:
            f.truncate(size << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", name.split(".")[0], "-F", f.name], check=True)


def to_guest(m):
    m.send("rl console web\n\n")
    m.expect(LINUX)


def to_dom0(m):
    m.send("\x1d")
    m.expect(DOM0)


def served(m):
    """The domains that have directories for disks."""
    return m.run("rl store list backend/qdisk 2>/dev/null || true").split()


def rows(m):
    """What block-list prints: number, back end's domain, guest, state, port, reference, path."""
    lines = m.run("rl block-list web").splitlines()
    require(lines[0].rstrip() == HEAD, "the head is %r" % lines[0])
    return {int(f[0]): f[1:] for f in (line.split() for line in lines[1:])}


def refusals(m):
    before = served(m)
    for spec, said in REFUSED:
        text = m.run("cd /; sed 's|root.img.*w\"|%s\"|' /host/web.cfg >/tmp/web.cfg; rl create -q /tmp/web.cfg" % spec, code=1)
        require(re.search(said, text), "%s: %s" % (spec, text))
        require(len(text.strip().splitlines()) == 1, text)
    require(m.run("rl list | wc -l; ls /run/rl/jobs 2>/dev/null || true").split() == ["2"], "something is left")
    require(served(m) == before, "disks are left")


def created(m):
    m.run("rl create -q /host/web.cfg", 120)
    to_guest(m)
    require("6144" not in ask(m, "cat /proc/partitions"), "a disc is there")
    require(re.search(r"202 +0 +49152 xvda", ask(m, "cat /proc/partitions")), "no xvda of 48 MiB")
    ask(m, "mkdir -p /mnt /cd; mount -t ext4 /dev/xvda /mnt; echo kept >/mnt/word; sync")
    to_dom0(m)
    list_ = rows(m)
    require(sorted(list_) == [51712, 51744], "block-list: %s" % list_)
    require(list_[51712][2] == "4" and int(list_[51712][3]) > 0 and list_[51712][5].startswith("/local/domain/0/backend/qdisk/"), str(list_))


def second_user(m):
    text = m.run("rl create -q /host/web.cfg name=two", code=1)
    require(re.search(r"web.cfg:7: disk .*root.img is in use: it is xvda of domain \d+ \(\"web\"\), and that one writes", text), text)
    require(len(re.findall(r"(?m)^\S+ +\d", m.run("rl list"))) == 2, "a domain is left")


def plugged(m):
    text = m.run("cd /host; rl block-attach web data.img,raw,xvda,w", code=1)
    require("has a disk xvda already" in text, text)
    m.run("cd /host; rl block-attach web data.img raw xvdb w")
    to_guest(m)
    ask(m, "until grep -q ' 32768 xvdb' /proc/partitions; do sleep 1; done; mkdir -p /data; mount -t ext4 /dev/xvdb /data; echo more >/data/word; umount /data")
    to_dom0(m)
    m.run("rl block-detach web xvdb", 60)
    to_guest(m)
    ask(m, "until ! grep -q xvdb /proc/partitions; do sleep 1; done", 60)
    to_dom0(m)
    require(sorted(rows(m)) == [51712, 51744], "xvdb is still there")
    text = m.run("rl block-detach web xvdb", code=1)
    require("Device xvdb not connected" in text, text)
    m.run("cd /host; rl block-attach web data.img,raw,xvdb,r")


def discs(m):
    m.run("rl cd-insert web xvdc /host/disc.iso", 60)
    to_guest(m)
    ask(m, "until grep -q ' 6144 xvdc' /proc/partitions; do sleep 1; done; mount -t ext4 -o ro /dev/xvdc /cd; ls -d /cd/lost+found; umount /cd")
    require("1" in ask(m, "cat /sys/block/xvdc/ro /sys/block/xvdc/removable").split(), "a disc can be written")
    to_dom0(m)
    m.run("rl cd-eject web xvdc", 60)
    to_guest(m)
    ask(m, "until ! grep -q 6144 /proc/partitions; do sleep 1; done")
    to_dom0(m)
    text = m.run("rl cd-insert web xvda /host/disc.iso", code=1)
    require("is no CD-ROM drive" in text, text)
    m.run("rl cd-insert web xvdc /host/disc.iso", 60)


def rebooted(m):
    """With the disk that was plugged in, and the disc that was put in."""
    before = m.run("rl domid web").strip()
    to_guest(m)
    ask(m, "umount /mnt")
    to_dom0(m)
    m.run("rl reboot web; until D=$(rl domid web 2>/dev/null) && [ $D != %s ]; do usleep 100000; done" % before, 180)
    to_guest(m)
    disks = re.findall(r"(\d+) (xvd\w+)", ask(m, "cat /proc/partitions"))
    require(sorted(disks) == [("32768", "xvdb"), ("49152", "xvda"), ("6144", "xvdc")], "not the same disks: %s" % disks)
    require("kept" in ask(m, "mkdir -p /mnt; mount -t ext4 /dev/xvda /mnt; cat /mnt/word; umount /mnt"), "not the same disk")
    to_dom0(m)
    require(before not in served(m), "the old domain's disks are still there")


def ended(m, share):
    domain = m.run("rl domid web").strip()
    m.run("rl destroy web", 60)
    require(m.run("rl list | wc -l").strip() == "2" and domain not in served(m), "something is left")
    m.run("until [ $(pidof rl-blkd | wc -w) = 1 ]; do usleep 20000; done")
    audit(m)
    for name in ("root.img", "data.img"):
        done = subprocess.run(["e2fsck", "-fn", os.path.join(share, name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        require(done.returncode == 0, "e2fsck %s: %s" % (name, done.stdout))


def example(m):
    """The teaching kernel by the example configuration; its disk is ext2, which Dom0's own mke2fs makes."""
    m.run("truncate -s 16M /root/disk.img; mke2fs -F /root/disk.img >/dev/null; rl create -q disk.cfg", 60)
    require(m.run("rl complete block-detach disk xvd").split() == ["xvda", "xvdb"], "its disks are not completed")
    for kept in ("", "kept"):
        m.send("rl console disk\n\n")
        m.expect(r"disk:/root# ", 120)
        m.run("mkdir /mnt; mount /dev/xvda /mnt", 60)
        require(m.run("cat /mnt/word 2>/dev/null || true").strip() == kept, "the word is not there")
        m.run("echo kept >/mnt/word; umount /mnt; grep -q ' 0 xvdb' /proc/partitions")
        to_dom0(m)
        before = m.run("rl domid disk").strip()
        m.run("rl reboot disk; until D=$(rl domid disk 2>/dev/null) && [ $D != %s ]; do usleep 100000; done" % before, 180)
    m.run("rl destroy disk; rm /root/disk.img")


def steps(tap, m, share):
    tap.step("a disk that cannot be is refused in one line, and nothing is left", lambda: refusals(m))
    tap.step("a guest has the disks of its configuration", lambda: created(m))
    tap.step("a second user of an image is refused", lambda: second_user(m))
    tap.step("a disk is plugged in and out", lambda: plugged(m))
    tap.step("a disc is put in and taken out", lambda: discs(m))
    tap.step("a reboot keeps the disks", lambda: rebooted(m))
    tap.step("an end leaves nothing", lambda: ended(m, share))
    tap.step("the example's teaching kernel has a disk", lambda: example(m))
