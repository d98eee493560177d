#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 10: the student's functions work below the disk of a guest that writes all the time, on Debian's Linux as Dom0. What they have
done is read from the drives' images on the host (drives.py), where no script reaches, and seen by the guest.
"""

import contextlib
import os
import re
import secrets

import hosts
import xl_session
from drives import Group, require_bitmap, require_mirror
from grading import BUILD, COUNTED, HANG, Failure, Judged, Points, answers, make, require
from monitor import Monitor

LAB = "docs/labs/10-storage"
OUT = os.path.join(BUILD, "labs", "10-storage")
IMAGES = [os.path.join(BUILD, f) for f in ("ringlet.elf", "guests/vmlinux", "linux-dom0/dom0.cpio")]
GUEST = r"demo64:/root# (\x1b\[6n)?$"
HALF = 96 << 20  # bytes of each drive
KIB = {"build": 32 << 10, "grow": 48 << 10}
DISK = "d() { for b in /sys/block/vd*; do [ \"$(cat $b/serial)\" != $1 ] || echo /dev/${b##*/}; done; }"
# The guest's work: /tmp/rounds has a line for each round that was right, /tmp/wrong for each other one.
WORK = ("rm -f /tmp/stop /tmp/rounds; (while [ ! -e /tmp/stop ]; do disk check /mnt/f > /tmp/said 2>&1 && echo >> /tmp/rounds || "
        "cat /tmp/said >> /tmp/wrong; done; sync; touch /tmp/stopped) &")
BUILT, LENT, PULLED, REPLACED = "there is a volume", "a guest works on it", "a drive is pulled out", "the new drive is added"


class Storage:
    def __init__(self, m, monitor, nonce, images):
        self.m, self.s, self.monitor, self.nonce, self.images = m, xl_session.Session(m, "ringlet", ""), monitor, nonce, images
        self.taken, self.chunk, self.kept = None, None, ""  # of the pool at first; what the guest has after it went back
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
        with contextlib.suppress(Failure):
            self.taken, self.chunk = self.group().pool("thin")
        require(self.s.quiet("[ -b /dev/pool/work ] && mke2fs -q -t ext2 /dev/pool/work")[1] == 0, "no /dev/pool/work, or no file system fits on it")

    def group(self):
        return Group(self.images[0], "pool")

    def is_mirror(self):
        require_mirror(self.images[:2])
        require_bitmap(self.images[:2])

    def is_thin(self):
        self.group().require_thin("work", "thin")
        self.group().require_size("work", KIB["build"])

    def lends(self):
        self.dom0("xl create -q /etc/xen/demo64.cfg 'disk=[\"phy:/dev/pool/work,xvda,w\"]'")
        said = self.inside("mkdir -p /mnt; mount -t ext2 /dev/xvda /mnt && echo %s > /mnt/kept && dd if=/dev/zero of=/mnt/f bs=64k count=8 2>/dev/null; "
                           "sync; cat /mnt/kept" % self.nonce)
        require(self.nonce in said, "the guest cannot use it: " + said[-300:])
        self.works()

    def works(self):
        self.inside(WORK + " " + self.soon("[ -s /tmp/rounds ]"))

    def writes(self):
        """QEMU's count for each drive."""
        return {d["device"]: d["stats"]["wr_operations"] for d in self.monitor.run("query-blockstats")}

    def written(self):
        """How many drives were written when the guest flushed a line."""
        before = self.writes()
        self.inside("echo line > /mnt/line; sync")
        return sum(n > before[drive] for drive, n in self.writes().items())

    def costs(self):
        """What is predicted, while the drives still have it; nothing of a pool that there is not."""
        pool = {} if self.chunk is None else {"thin.empty": self.taken >> 20, "thin.chunk": self.chunk >> 10}
        return {**pool, "drives": self.written()}

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
        self.group().require_size("work", KIB["grow"])
        self.undisturbed()

    def keeps(self):
        self.does("keep before")
        text = self.dom0("mkdir -p /a; e2fsck -fy /dev/pool/before > /tmp/fsck; mount -o ro /dev/pool/before /a && cat /a/kept; umount /a")
        require(self.nonce in text, "before cannot be read: " + text[-300:])
        self.group().require_thin("before", "thin", "work")
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
        """That all is there by now is Dom0's word; that it is there in the end, the drives'."""
        self.does("replace $(d half2)")
        text = self.dom0("cat /proc/mdstat")
        require("[2/2] [UU]" in text, "the mirror is not whole when replace ends: " + text)
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


class LinuxDom0(Judged):
    power_off = "busybox poweroff -f"


def machine(images, script, monitor):
    args = hosts.arguments("ringlet", 1400, "dom0_mem=700M dom0_max_vcpus=1 loglvl=warning guest_loglvl=warning",
                           [IMAGES[1] + " console=hvc0 quiet-network", IMAGES[2]]) + COUNTED
    for name, path in zip(("half0", "half1", "half2", "lab"), images + [script]):
        args += ["-drive", "if=none,id=d%s,format=raw,cache=unsafe,file=%s" % (name, path)]
        args += [] if name == "half2" else ["-device", "virtio-blk-pci,drive=d%s,id=%s,serial=%s" % (name, name, name)]
    return LinuxDom0(args + monitor.args, os.path.join(OUT, "log"), limit=3 * HANG)


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
        st = Storage(m, monitor, nonce, images)
        then(booted, st.boots, built)
        then(BUILT, st.builds, booted)
        points.point("the drives are a mirror", st.is_mirror, 2, [booted, BUILT])
        points.point("the volume is thin", st.is_thin, 2, [booted, BUILT])

        then(LENT, st.lends, BUILT)
        then("the machine can be asked", lambda: truth.update(st.costs()), LENT)
        points.point("the volume grows under the guest", st.grows, 3, [booted, LENT])
        points.point("a snapshot is taken under the guest, and can be read", st.keeps, 3, [booted, LENT])
        then("the guest spoils its file", st.spoils, LENT)
        then("the volume goes back", st.goes_back, LENT)
        points.point("what the guest spoilt is as it was", st.is_back, 4, [booted, LENT, "the guest spoils its file", "the volume goes back"])
        then(PULLED, st.pulls, LENT)
        truth["pulled.seen"] = 0 if PULLED not in points.broken else None
        then(REPLACED, st.replaces, LENT, PULLED)
        then("all comes to an end", st.stops, LENT, PULLED)
    points.point("a new drive takes the place of a lost one", lambda: require_mirror(images[::2]), 4, [booted, LENT, PULLED, REPLACED])
    points.point("both drives have what the guest wrote", lambda: on_both(images, st.last), 3, [booted, LENT, PULLED])
    for question in ("thin.empty", "thin.chunk", "drives", "pulled.seen"):
        points.point("prediction: " + question, lambda: predicted(given, truth, question), 1, [read])
    points.end()


if __name__ == "__main__":
    main()
