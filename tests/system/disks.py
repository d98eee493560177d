#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtual disks by rl-blkd (docs/disks.md): Debian's Linux and GRUB on the teaching Dom0, images in the folder that the host shares,
so that e2fsck of the build machine has the last word.

What is written is read again; rl-blkd and the disk's process are killed under load, and the guest only waits; a new size, an image
that is in use, one that is missing, one that becomes shorter; a domain is destroyed under load and nothing of it stays. Then rl's own
verbs and configurations (disk_verbs.py), appliances (appliances.py), a guest that lies (lying_disks.py), and the teaching kernel's
disks (front_disks.py), one of whose reads is traced (follow.py).
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile

import appliances
import disk_verbs
import follow
import front_disks
import lying_disks
from linux_guest import SHELL as LINUX, ask
from machine import BUILD, Machine, Tap, audit, require

DOM0 = r"[#$] (\x1b\[6n)?$"
GUESTS = os.path.join(BUILD, "guests")
CONFIG = 'name = "%s"\nkernel = "/host/vmlinuz"\nramdisk = "/host/guest.cpio"\nmemory = 160\nextra = "console=hvc0"\n'
# add DOMID NUMBER NAME PARAMS MODE: what a toolstack writes; it waits for the back end, or for its refusal. A guest that runs may have
# connected (4) before that is seen.
SCRIPT = r"""
add() {
	B=/local/domain/0/backend/qdisk/$1/$2 F=/local/domain/$1/device/vbd/$2
	rl store write $B "" $F ""
	rl store chmod $B n0 r$1
	rl store chmod $F n$1 r0
	rl store write $B/frontend $F $B/frontend-id $1 $B/online 1 $B/removable 0 $B/dev $3 $B/type qdisk $B/mode $5 $B/device-type disk \
		$B/params "$4" $F/backend $B $F/backend-id 0 $F/virtual-device $2 $F/device-type disk $F/state 1 $B/state 1
	until rl store read $B/state | grep -q '[24]' || rl store read $B/hotplug-error 2>/dev/null; do usleep 20000; done
}
id() { rl list | awk -v n=$1 '$1 == n { print $2 }'; }
drop() { rl store rm /local/domain/0/backend/qdisk/$1/$2; }
idle() { until [ $(pidof rl-blkd | wc -w) = $1 ]; do usleep 20000; done; }
"""


def fill(share):
    for source, name in ((os.path.join(GUESTS, "vmlinuz-cloud"), "vmlinuz"), (os.path.join(BUILD, "tests", "disks-guest.cpio"), "guest.cpio")):
        shutil.copy(source, os.path.join(share, name))
    with open(os.path.join(share, "script"), "w") as f:
        f.write(SCRIPT)
    for name in ("one", "two"):
        with open(os.path.join(share, name + ".cfg"), "w") as f:
            f.write(CONFIG % name)
    with open(os.path.join(share, "a.img"), "w") as f:
        f.truncate(64 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", f.name], check=True)
    # A disk from which GRUB starts Linux.
    shutil.copy(os.path.join(GUESTS, "grub-x86_64-xen.bin"), os.path.join(share, "grub"))
    with open(os.path.join(share, "grub.cfg"), "w") as f:
        f.write('name = "grub"\nkernel = "/host/grub"\nmemory = 224\n')
    files = os.path.join(share, "files")
    os.makedirs(os.path.join(files, "boot", "grub"))
    with open(os.path.join(files, "boot", "grub", "grub.cfg"), "w") as f:
        f.write("linux /vmlinux console=hvc0\ninitrd /guest.cpio\nboot\n")
    shutil.copy(os.path.join(GUESTS, "vmlinux-cloud.gz"), os.path.join(files, "vmlinux"))
    shutil.copy(os.path.join(share, "guest.cpio"), files)
    with open(os.path.join(share, "b.img"), "w") as f:
        f.truncate(32 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", "-d", files, f.name], check=True)
    base = os.path.join(share, "base")
    with open(base, "wb") as f:
        f.truncate(48 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", base], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", base, base + ".qcow2"], check=True)
    disk_verbs.fill(share)
    appliances.fill(share)
    lying_disks.fill(share)


def checked(image, options="-fn"):
    done = subprocess.run(["e2fsck", options, image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    require(done.returncode in ((0,) if options == "-fn" else (0, 1)), "e2fsck %s: %d %s" % (options, done.returncode, done.stdout))


def to_guest(m, name="one"):
    m.send("rl console %s\n\n" % name)
    m.expect(LINUX)


def to_dom0(m):
    m.send("\x1d")
    m.expect(DOM0)


def start(m, name, image):
    m.run(". /host/script; rl create -p /host/%s.cfg" % name, 120)
    said = m.run("add $(id %s) 51712 xvda raw:/host/%s w" % (name, image))
    return said


def boots(m):
    m.expect(DOM0, 120)
    require(m.run("pidof rl-blkd | wc -w").strip() == "1", "rl-blkd is not one process")
    said = start(m, "one", "a.img")
    require("hotplug-error" not in said and "cannot" not in said, said)
    m.send("rl unpause one; rl console one\n")
    m.expect(LINUX, 180)
    require(re.search(r"202 +0 +65536 xvda", ask(m, "cat /proc/partitions")), "no disk of 64 MiB")
    require("flush diskcache: enabled" in ask(m, "dmesg | grep xvda:"), "no flush")


def reads_and_writes(m):
    ask(m, "mkdir -p /mnt; mount -t ext4 /dev/xvda /mnt")
    sums = ask(m, "dd if=/dev/urandom of=/mnt/f bs=1M count=16 2>/dev/null; sync; sha256sum /mnt/f; echo 3 >/proc/sys/vm/drop_caches; sha256sum /mnt/f; "
               "umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 /dev/xvda /mnt; sha256sum /mnt/f", 120)
    require(len(set(re.findall(r"[0-9a-f]{64}", sums))) == 1, sums)
    # Deletion is told to the back end.
    ask(m, "cp /mnt/f /mnt/g; sync; rm /mnt/g; sync; fstrim /mnt 2>/dev/null || true", 120)


def killed(m, kills):
    """Under load; what was synced is there. Both processes, the disk's alone, the one that talks to the store alone."""
    ask(m, "(for i in 1 2 3 4 5 6; do dd if=/mnt/f of=/mnt/k bs=64k conv=fsync 2>/dev/null && echo 3 >/proc/sys/vm/drop_caches && sha256sum /mnt/k; done; echo over) "
        ">/tmp/log 2>&1 & true")
    to_dom0(m)
    for i in range(kills):
        which = ("$(pidof rl-blkd)", "$(pidof rl-blkd | cut -d' ' -f1)", "$(pidof rl-blkd | tr ' ' '\\n' | tail -n 1)")[i % 3]
        m.run("kill -9 %s; idle 2; usleep %d" % (which, 100000 + 37000 * i), 60)
    log = m.run("cat /var/log/rl-blkd.log")
    to_guest(m)
    said = ask(m, "until grep -q over /tmp/log; do sleep 1; done; cat /tmp/log; sha256sum /mnt/f", 300)
    sums = re.findall(r"[0-9a-f]{64}", said)
    require(len(sums) == 7 and len(set(sums)) == 1, "%s\n%s" % (said, log))
    log = ask(m, "dmesg")
    require(not re.search(r"I/O error|EXT4-fs error|blkfront: .*(wrong|invalid)", log), log[-2000:])


def resized(m):
    to_dom0(m)
    m.run("truncate -s 96M /host/a.img")
    to_guest(m)
    ask(m, "until grep -q ' 98304 xvda' /proc/partitions; do sleep 1; done", 60)
    require("new size" in ask(m, "dmesg | grep xvda") or "98304" in ask(m, "cat /proc/partitions"), "not seen")


def in_use(m):
    """Refused, with the holder's name."""
    to_dom0(m)
    said = start(m, "two", "a.img")
    require(re.search(r"a\.img: domain \d+ \(one\), disk xvda uses it", said), said)
    said = m.run("drop $(id two) 51712; add $(id two) 51728 xvdb raw:/host/none w")
    require("/host/none: cannot open: No such file" in said, said)
    said = m.run("drop $(id two) 51728; add $(id two) 51744 xvdc /host w")
    require("/host: neither a file nor a block device" in said, said)
    said = m.run("drop $(id two) 51744; add $(id two) 51760 xvdd vhd:/host/a.img w")
    require("No such file" in said, said)
    m.run("drop $(id two) 51760; rl destroy two; idle 2")


def leaves(m, share):
    """A toolstack takes the disk away, and gives it again."""
    to_guest(m)
    ask(m, "umount /mnt", 60)
    to_dom0(m)
    m.run("D=$(id one) B=/local/domain/0/backend/qdisk/$D/51712; rl store write $B/online 0 $B/state 5; until [ $(rl store read $B/state) = 6 ]; do usleep 20000; done", 60)
    checked(os.path.join(share, "a.img"))
    m.run("rl store rm /local/domain/$D/device/vbd/51712; drop $D 51712; idle 1", 60)
    to_guest(m)
    require("xvda" not in ask(m, "cat /proc/partitions"), "the disk is still there")
    to_dom0(m)
    said = m.run("add $D 51712 xvda /host/a.img w")
    require("cannot" not in said, said)
    to_guest(m)
    ask(m, "until grep -q xvda /proc/partitions; do sleep 1; done; mount -t ext4 /dev/xvda /mnt", 60)
    require(ask(m, "sha256sum /mnt/f /mnt/k | cut -c1-64 | uniq | wc -l").strip() == "1", "the files differ")


def cloned(m, share):
    """A qcow2 image over another. Its process is killed with tables in its memory, of which the guest notices nothing: not all that it
    was answered was flushed."""
    to_dom0(m)
    said = m.run("rl-image clone /host/base.qcow2 /host/clone.qcow2 && add $(id one) 51728 xvdb qcow2:/host/clone.qcow2 w; rl-image look /host/base.qcow2")
    require("it is whole" in said and "error" not in said, said)
    to_guest(m)
    ask(m, "until grep -q xvdb /proc/partitions; do sleep 1; done; mkdir -p /two; mount -t ext4 /dev/xvdb /two", 60)
    ask(m, "(for i in 1 2 3 4 5 6; do dd if=/mnt/f of=/two/f$i bs=64k count=80 2>/dev/null; dd if=/dev/zero of=/two/f bs=4k count=1 conv=fsync 2>/dev/null; "
        "echo 3 >/proc/sys/vm/drop_caches; rm -f /two/f$((i-2)); done; dd if=/mnt/f of=/two/g bs=1M oflag=direct 2>/dev/null; echo over) >/tmp/log2 2>&1 & true")
    to_dom0(m)
    for i in range(4):
        m.run("kill -9 $(pidof rl-blkd); idle 3; usleep %d" % (150000 + 61000 * i), 60)
    to_guest(m)
    said = ask(m, "until grep -q over /tmp/log2; do sleep 1; done; echo 3 >/proc/sys/vm/drop_caches; sha256sum /mnt/f /two/g", 300)
    sums = re.findall(r"[0-9a-f]{64}", said)
    require(len(sums) == 2 and len(set(sums)) == 1, said)
    ask(m, "umount /two", 60)
    to_dom0(m)
    m.run("B=/local/domain/0/backend/qdisk/$(id one)/51728; rl store write $B/online 0 $B/state 5; until [ $(rl store read $B/state) = 6 ]; do usleep 20000; done", 60)
    m.run("rl store rm /local/domain/$(id one)/device/vbd/51728; drop $(id one) 51728; idle 2", 60)
    log = m.run("cat /var/log/rl-blkd.log")
    require("is lost" not in log, log)
    clone = os.path.join(share, "clone.qcow2")
    done = subprocess.run(["qemu-img", "check", clone], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    require(done.returncode in (0, 3), "qemu-img check: " + done.stdout)
    subprocess.run(["qemu-img", "convert", "-O", "raw", clone, clone + ".raw"], check=True)
    checked(clone + ".raw")
    os.remove(clone + ".raw")
    to_guest(m)


def destroyed(m, share):
    """Under load: nothing stays, and the image is whole (its journal is replayed)."""
    ask(m, "(while :; do dd if=/mnt/f of=/mnt/k bs=64k conv=fsync; done) >/dev/null 2>&1 & sleep 1")
    to_dom0(m)
    m.run("D=$(id one); rl destroy one; idle 1", 60)
    require(re.findall(r"(?m)^(\S+) +\d", m.run("rl list")) == ["Domain-0"], "a domain is left")
    audit(m)
    image = os.path.join(share, "a.img")
    checked(image, "-fy")
    checked(image)


def shortened(m, share):
    """The image becomes shorter than the disk: errors for what is not there, and a line in the log."""
    said = start(m, "two", "a.img")
    m.send("rl unpause two; rl console two\n")
    m.expect(LINUX, 180)
    to_dom0(m)
    os.truncate(os.path.join(share, "a.img"), 1 << 20)
    to_guest(m, "two")
    said = ask(m, "dd if=/dev/xvda of=/dev/null bs=1M skip=32 count=1 2>&1; dd if=/dev/xvda of=/dev/null bs=512k count=1 2>&1", 60)
    require("1+0 records out" in said, "what is there is not read: " + said)
    to_dom0(m)
    require("2048 sectors now, and had" in m.run("cat /var/log/rl-blkd.log"), "the log says nothing")
    m.run("D=$(id two); rl destroy two; idle 1", 60)
    audit(m)


def from_grub(m, share):
    """GRUB reads its menu and Linux from the disk, and lets go of it; Linux then has the same one."""
    m.run("rl create -p /host/grub.cfg", 120)
    said = m.run("add $(id grub) 51713 xvda1 raw:/host/b.img w")
    require("cannot" not in said, said)
    m.send("rl unpause grub; rl console grub\n")
    m.expect(LINUX, 240)
    sums = ask(m, "mkdir -p /mnt; mount -t ext4 /dev/xvda1 /mnt; sha256sum /mnt/vmlinux; echo mine >/mnt/mine; umount /mnt", 60)
    with open(os.path.join(share, "files", "vmlinux"), "rb") as f:
        require(hashlib.sha256(f.read()).hexdigest() in sums, "Linux reads another kernel than GRUB: " + sums)
    m.send("poweroff -f\n")
    m.expect(DOM0)
    m.run("for d in $(rl store list /local/domain/0/backend/qdisk); do drop $d 51713; done; idle 1", 60)
    checked(os.path.join(share, "b.img"))


def main():
    tap = Tap()
    kills = int(os.environ.get("KILLS", "9"))
    with tempfile.TemporaryDirectory() as share:
        fill(share)
        args = ["-m", "1024", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-append",
                "console=com1 com1=115200,8n1 loglvl=all noreboot dom0_mem=256M", "-initrd",
                ",".join(os.path.join(BUILD, *p) for p in (("guest", "kernel-pv64.elf"), ("dom0.cpio",))),
                "-virtfs", "local,path=%s,mount_tag=host,security_model=none,multidevs=remap" % share]
        with Machine(args, os.path.join(BUILD, "tests", "disks.log"), limit=1100) as m:
            tap.step("Linux has a disk", lambda: boots(m))
            tap.step("what it writes it reads", lambda: reads_and_writes(m))
            tap.step("rl-blkd and the disk's process are killed under load", lambda: killed(m, kills))
            tap.step("a new size is seen", lambda: resized(m))
            tap.step("an image in use, a missing one, a folder are refused", lambda: in_use(m))
            tap.step("the front end leaves and comes again", lambda: leaves(m, share))
            tap.step("a clone of a qcow2 image, whose process is killed", lambda: cloned(m, share))
            tap.step("a domain is destroyed under load", lambda: destroyed(m, share))
            tap.step("an image becomes shorter", lambda: shortened(m, share))
            tap.step("GRUB and the Linux it starts have one disk after the other", lambda: from_grub(m, share))
            disk_verbs.steps(tap, m, share)
            appliances.steps(tap, m)
            lying_disks.steps(tap, m)
            for kind in ("64", "32"):
                # Once: it takes long, and Dom0 and the hypervisor do the same for both kinds.
                seen = (("rl trace follows a read", lambda g: follow.follow(g, share)),) if kind == "64" else ()
                more = seen + front_disks.BLKD
                for name, step in front_disks.steps(m.run, "rl", kind, "/run/disks", "demo%s.cfg" % kind, more):
                    tap.step(name, step)
    tap.end()


if __name__ == "__main__":
    main()
