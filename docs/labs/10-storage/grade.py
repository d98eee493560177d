#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 10: the student's functions work below the disk of a guest that writes all the time, on Debian's Linux as Dom0. What they have
done is asked of Linux and of the guest; and in the end the drives' images are looked at from the host, where no script reaches.
"""

import os
import re
import secrets

import hosts
import xl_session
from grading import BUILD, COUNTED, HANG, Judged, Points, answers, make, require
from monitor import Monitor

LAB = "docs/labs/10-storage"
OUT = os.path.join(BUILD, "labs", "10-storage")
IMAGES = [os.path.join(BUILD, f) for f in ("ringlet.elf", "guests/vmlinux", "linux-dom0/dom0.cpio")]
GUEST = r"demo64:/root# (\x1b\[6n)?$"
HALF = 96 << 20  # bytes of each drive
POOL_MIB = 60
KIB = {"build": 32 << 10, "grow": 48 << 10}
DISK = "d() { for b in /sys/block/vd*; do [ \"$(cat $b/serial)\" != $1 ] || echo /dev/${b##*/}; done; }"
# The guest's work: /tmp/rounds has a line for each round that was right, /tmp/wrong for each other one.
WORK = ("rm -f /tmp/stop /tmp/rounds; (while [ ! -e /tmp/stop ]; do disk check /mnt/f > /tmp/said 2>&1 && echo >> /tmp/rounds || "
        "cat /tmp/said >> /tmp/wrong; done; sync; touch /tmp/stopped) &")
BUILT, LENT, BACK, PULLED = "there is a volume", "a guest works on it", "the guest has its disk again", "a drive is pulled out"


class Storage:
    def __init__(self, m, monitor, nonce):
        self.m, self.s, self.monitor, self.nonce = m, xl_session.Session(m, "ringlet", ""), monitor, nonce
        self.used, self.kept = None, ""  # MiB of the pool at first; what the guest has after it went back
        self.last = secrets.token_hex(8)  # written when no function of the student's is called any more

    def dom0(self, line, limit=HANG):
        """In Dom0; its answer, whatever its status."""
        return self.s.quiet(line, limit)[0]

    def does(self, call):
        """One of the student's functions; a hint if it fails."""
        text, code = self.s.quiet("(. /root/volumes.sh; %s)" % call, HANG)
        require(code == 0, "%s ended with %d:\n%s" % (call, code, text[-600:]))

    def inside(self, line):
        """In the guest's shell."""
        self.s.quiet("await '[ -e \"$(xenstore-read /local/domain/$(xl domid demo64)/console/tty)\" ]'")
        self.m.send("xl console -t pv demo64\n\n")
        self.m.expect(GUEST, HANG)
        text = self.m.run("{ %s; } 2>&1" % line, HANG, None)
        self.m.expect(GUEST)
        self.s.leave()
        return text

    def soon(self, condition):
        """A condition in the guest, which has a minute of its clock for it."""
        return "n=0; until %s || [ $((n += 1)) -gt 60 ]; do sleep 1; done" % condition

    # ---- What happens, in this order ----

    def boots(self):
        self.s.boot()
        self.dom0(DISK)
        self.m.run(DISK, HANG)
        self.m.expect(xl_session.SHELL)
        self.dom0("tr -d '\\0' < $(d lab) > /root/volumes.sh")

    def builds(self):
        self.does("build $(d half0) $(d half1)")
        used = re.search(r"[\d.]+", self.dom0("lvs --noheadings --nosuffix -o data_percent pool/thin"))
        self.used = int(float(used[0]) * POOL_MIB / 100) if used else None
        require(self.s.quiet("[ -b /dev/pool/work ] && mke2fs -q -t ext2 /dev/pool/work")[1] == 0, "no /dev/pool/work, or no file system fits on it")

    def chunk(self):
        """KiB that are copied at a time."""
        found = re.search(r"(\d+)\.00", self.dom0("lvs --noheadings --nosuffix --units k -o chunk_size pool/thin"))
        return int(found[1]) if found else None

    def is_mirror(self):
        text = self.dom0("cat /proc/mdstat; mdadm --detail /dev/md0")
        require("raid1" in text and "[2/2] [UU]" in text and "bitmap:" in text, "md0 is no mirror of two drives with a bitmap:\n" + text[-700:])

    def is_thin(self):
        text = self.dom0("lvs --noheadings --nosuffix --units k -o pool_lv,lv_size pool/work; pvs --noheadings -o pv_name,vg_name")
        require(re.search(r"^ *thin +%d\.00" % KIB["build"], text, re.M) and re.search(r"/dev/md0 +pool", text),
                "pool/work is no thin volume of 32 MiB in pool/thin on /dev/md0: " + text)

    def lends(self):
        self.dom0("xl create -q /etc/xen/demo64.cfg 'disk=[\"phy:/dev/pool/work,xvda,w\"]'")
        said = self.inside("mkdir -p /mnt; mount -t ext2 /dev/xvda /mnt && echo %s > /mnt/kept && dd if=/dev/zero of=/mnt/f bs=64k count=8 2>/dev/null; "
                           "sync; cat /mnt/kept" % self.nonce)
        require(self.nonce in said, "the guest cannot use it: " + said[-300:])
        self.works()

    def works(self):
        self.inside(WORK + " " + self.soon("[ -s /tmp/rounds ]"))

    def written(self):
        """How many drives were written when the guest flushed a line."""
        count = "for i in half0 half1; do awk '{print $5}' /sys/block/$(basename $(d $i))/stat; done"
        before = self.dom0(count).split()
        self.inside("echo line > /mnt/line; sync")
        return sum(int(b) > int(a) for a, b in zip(before, self.dom0(count).split()))

    def undisturbed(self, rounds=2):
        """The guest has done some rounds more, and none was wrong."""
        said = self.inside("old=$(wc -l < /tmp/rounds); %s; ls /tmp/wrong; tail -n 3 /tmp/wrong; echo rounds: $(($(wc -l < /tmp/rounds) - old))" %
                           self.soon("[ $(wc -l < /tmp/rounds) -ge $((old + %d)) ]" % rounds))
        found = re.search(r"rounds: (\d+)", said)
        require(found and int(found[1]) >= rounds, "the guest does not get on: " + said[-300:])
        require("No such file" in said, "the guest noticed: " + said[-300:])

    def grows(self):
        self.does("grow")
        said = self.inside(self.soon("grep -q ' %d xvda' /proc/partitions" % KIB["grow"]) + "; cat /proc/partitions")
        require(" %d xvda" % KIB["grow"] in said, "the guest sees no disk of 48 MiB: " + said[-200:])
        self.undisturbed()

    def keeps(self):
        self.does("keep before")
        text = self.dom0("lvs --noheadings -o origin,pool_lv pool/before; mkdir -p /a; e2fsck -fy /dev/pool/before > /tmp/fsck; mount -o ro /dev/pool/before /a && cat /a/kept; umount /a")
        require(re.search(r"^ *work +thin", text, re.M) and self.nonce in text, "before is no snapshot of work, or cannot be read: " + text[-300:])
        self.undisturbed()

    def goes_back(self):
        self.inside("touch /tmp/stop; %s; umount /mnt" % self.soon("[ -e /tmp/stopped ]"))
        self.dom0("xl block-detach demo64 xvda; await '! xl block-list demo64 | grep ^51712'")
        trouble = None
        try:
            self.does("back before")
        except Exception as why:  # what the guest has then is looked at by the points
            trouble = why
        self.dom0("xl block-attach demo64 phy:/dev/pool/work xvda w")
        self.kept = self.inside(self.soon("[ -b /dev/xvda ]") + "; mount -t ext2 /dev/xvda /mnt && cat /mnt/kept")
        self.inside("rm -f /tmp/stopped; [ -e /mnt/f ] || dd if=/dev/zero of=/mnt/f bs=64k count=8 2>/dev/null")
        if trouble:
            raise trouble

    def spoils(self):
        said = self.inside("echo spoilt > /mnt/kept; sync; cat /mnt/kept")
        require("spoilt" in said, "the guest cannot write: " + said[-200:])

    def is_back(self):
        require(self.nonce in self.kept, "the guest has what it wrote after the snapshot: " + self.kept[-200:])

    def pulls(self):
        self.works()
        self.monitor.run("device_del", id="half1")
        self.dom0("await '[ -z \"$(d half1)\" ]'")
        self.monitor.run("device_add", driver="virtio-blk-pci", drive="dhalf2", id="half2", serial="half2")
        self.dom0("await '[ -n \"$(d half2)\" ]'")
        self.undisturbed()

    def replaces(self):
        self.does("replace $(d half2)")
        text = self.dom0("cat /proc/mdstat; mdadm --detail /dev/md0 | grep $(d half2)")
        require("[2/2] [UU]" in text and "active sync" in text, "the mirror is not whole with the new drive: " + text)
        self.undisturbed()

    def stops(self):
        self.inside("echo end-%s > /mnt/end; touch /tmp/stop; %s; sync; umount /mnt" % (self.last, self.soon("[ -e /tmp/stopped ]")))
        self.dom0("xl destroy demo64; await '! xl domid demo64'; lvchange -an pool; vgchange -an pool; mdadm --stop /dev/md0; sync")


def on_both(images, last):
    """What the guest wrote last lies on the drive that stayed and on the new one."""
    for name, path in (("drive that stayed", images[0]), ("new drive", images[2])):
        with open(path, "rb") as f:
            require(("end-" + last).encode() in f.read(), "the %s has not what the guest wrote last" % name)


def predicted(given, truth, question):
    words = given.get(question, [])
    require(len(words) == 1 and re.fullmatch(r"\d+", words[0]), "%s: wanted is a number" % question)
    require(truth.get(question) is not None and int(words[0]) == truth[question], "%s is not what was seen here" % words[0])


def machine(images, script, monitor):
    args = hosts.arguments("ringlet", 1400, "dom0_mem=700M dom0_max_vcpus=1 loglvl=warning guest_loglvl=warning",
                           [IMAGES[1] + " console=hvc0 quiet-network", IMAGES[2]]) + COUNTED
    for name, path in zip(("half0", "half1", "half2", "lab"), images + [script]):
        args += ["-drive", "if=none,id=d%s,format=raw,cache=unsafe,file=%s" % (name, path)]
        args += [] if name == "half2" else ["-device", "virtio-blk-pci,drive=d%s,id=%s,serial=%s" % (name, name, name)]
    return Judged(args + monitor.args, os.path.join(OUT, "log"), limit=3 * HANG)


def prepare():
    """The drives, and the student's script as a disk."""
    os.makedirs(OUT, exist_ok=True)
    images = [os.path.join(OUT, "half%d.img" % n) for n in range(3)]
    for path in images:
        with open(path, "wb") as f:
            f.truncate(HALF)
    script = os.path.join(OUT, "lab.img")
    with open(os.path.join(LAB, "volumes.sh"), "rb") as f:
        text = f.read()
    with open(script, "wb") as f:
        f.write(text + bytes(-len(text) % 4096))
    return images, script


def main():
    points, given, truth = Points(), {}, {}
    nonce = secrets.token_hex(8)
    built, booted, read = "there are a hypervisor and a Linux Dom0", "Linux boots as Dom0", "the answers can be read"
    points.setup(built, lambda: all(map(os.path.exists, IMAGES)) or make("linux-dom0"))
    points.setup(read, lambda: given.update(answers(os.path.join(LAB, "answers.txt"))))
    images, script = prepare()

    def then(name, function, *needs):
        points.setup(name, lambda: [require(n not in points.broken, n + ": not so") for n in needs] and function())

    with Monitor() as monitor, machine(images, script, monitor) as m:
        st = Storage(m, monitor, nonce)
        then(booted, st.boots, built)
        then(BUILT, st.builds, booted)
        points.point("the drives are a mirror", st.is_mirror, 2, [booted, BUILT])
        points.point("the volume is thin", st.is_thin, 2, [booted, BUILT])

        then(LENT, st.lends, BUILT)
        then("the machine can be asked", lambda: truth.update({"thin.empty": st.used, "thin.chunk": st.chunk(), "drives": st.written()}), LENT)
        points.point("the volume grows under the guest", st.grows, 3, [booted, LENT])
        points.point("a snapshot is taken under the guest, and can be read", st.keeps, 3, [booted, LENT])
        then("the guest spoils its file", st.spoils, LENT)
        then("the volume goes back", st.goes_back, LENT)
        points.point("what the guest spoilt is as it was", st.is_back, 4, [booted, LENT, "the guest spoils its file", "the volume goes back"])
        then(PULLED, st.pulls, LENT)
        truth["pulled.seen"] = 0 if PULLED not in points.broken else None
        points.point("a new drive takes the place of a lost one", st.replaces, 4, [booted, LENT, PULLED])
        then("all comes to an end", st.stops, LENT, PULLED)
    points.point("both drives have what the guest wrote", lambda: on_both(images, st.last), 3, [booted, LENT, PULLED])
    for question in ("thin.empty", "thin.chunk", "drives", "pulled.seen"):
        points.point("prediction: " + question, lambda: predicted(given, truth, question), 1, [read])
    points.end()


if __name__ == "__main__":
    main()
