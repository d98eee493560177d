# SPDX-License-Identifier: MIT
"""A guest that lies to the back ends of its disk and its card on a Linux Dom0 (tests/domu-liar), beside one that works with its
own. The other one's sums stay, Dom0's kernel says no more than that it refuses; xl_steps.py has the other days.
"""

import os
import re

import xl_steps
from machine import BUILD, Failure, require

# A disk of the machine's, from which Dom0 takes the liar's kernel.
DRIVE = ["-drive", "if=virtio,format=raw,readonly=on,file=" + os.path.join(BUILD, "tests", "domu-liar.img")]
LIAR = "xl create -q /root/liar.cfg 'extra=\"%s\"'"
CONFIG = """name = "liar"
kernel = "/root/liar.elf"
memory = 32
disk = ["file:/mnt/liar.img,xvda,w"]
vif = [%s]
""" % ", ".join('"script=/root/plug,mac=00:16:3e:00:01:%02x"' % card for card in range(11))
# What Debian's vif-bridge does, in short: eleven of those at once are more than 40 s of a busy machine.
PLUG = ("#!/bin/sh", "[ $1 = online ] || exit 0",
        "ip link set dev $vif master xenbr0 up && xenstore-write $XENBUS_PATH/hotplug-status connected")
LIE = "xenstore-read /local/domain/$(xl domid liar)/data/lie"
LIES = 22  # eleven by one disk, and each of the others by a card of its own
SEEDS = os.environ.get("SEEDS", "1").split()  # told all; the first one also before what there is is counted
# The guest's own work, round and round: what is on its disks, past the cache, and through the bridge.
WORK = ("touch /tmp/rounds; until [ -e /tmp/stop ]; do %s; sha256sum /a/page /b/page; wget -q -O - URL | sha256sum; echo >>/tmp/rounds; "
        "done >/tmp/sums 2>&1 & echo at work" % xl_steps.DROP)


def image():
    """The liar's kernel as a disk."""
    with open(os.path.join(BUILD, "tests", "domu-liar.stripped"), "rb") as f:
        kernel = f.read()
    with open(DRIVE[1].split("file=")[1], "wb") as f:
        f.write(kernel + bytes(-len(kernel) % 4096))


def prepares(s):
    xl_steps.prepares(s)
    for line in CONFIG.splitlines():
        s.quiet("echo '%s' >>/root/liar.cfg" % line)
    for line in PLUG:
        s.quiet("echo '%s' >>/root/plug" % line)
    s.ask("chmod +x /root/plug && cat /dev/vdc >/root/liar.elf && truncate -s 8M /mnt/liar.img")


def ended(s, name):
    s.ask("id=$(xl domid %s); xl destroy %s; await '! ls -d /sys/bus/xen-backend/devices/*-$id-*'" % (name, name), limit=1200)


def another_works(s):
    s.ask("xl create -q /root/work.cfg")
    s.enter("work")
    s.inside("mkdir /a /b; mount -t ext4 /dev/xvda /a && mount -t ext4 /dev/xvdb /b")
    xl_steps.works(s)
    s.inside(WORK)
    s.leave()


def told(s):
    """Wait until it has told all."""
    seen = []
    for _ in range(2000):
        now = s.quiet("sleep 0.5; " + LIE)[0].strip()
        if now != (seen or [""])[-1]:
            seen.append(now)
        if now == "all told":
            return
    raise Failure("it does not come to an end: %s" % seen)


def tells_all(s, seed):
    """All that it can tell, one after the other."""
    s.ask(LIAR % ("seed=" + seed))
    told(s)
    number = s.quiet(LIE.replace("data/lie", "data/told"))[0].strip()
    require(number == str(LIES), "it could tell %s lies of %d" % (number, LIES))
    ended(s, "liar")


def lies(s):
    for seed in SEEDS:
        tells_all(s, seed)


def ends_while_it_lies(s):
    """In the middle of each of the longer ones."""
    for only in (7, 8, 10, 107, 108, 110):
        s.ask(LIAR % ("only=%d" % only) + " && await '%s' && sleep 1" % LIE)
        ended(s, "liar")


def the_other_is_undisturbed(s):
    s.enter("work")
    found = s.inside("until [ $(wc -l </tmp/rounds) -gt 2 ]; do sleep 1; done; touch /tmp/stop; wait; sort -u /tmp/sums")
    sums = set(re.findall(r"(?m)^[0-9a-f]{64}", found))
    require(sums == {s.page}, "it read something else: " + found)
    xl_steps.sums(s)
    s.inside("dmesg | grep -E 'WARNING: CPU|BUG:|Oops|Call Trace|segfault|soft lockup|I/O error'", code=1)
    s.inside("umount /a && umount /b")
    s.leave()
    ended(s, "work")
    s.ask("e2fsck -fn /mnt/d.img && e2fsck -fn /dev/vdb")


def warms_up(s):
    """All of it once: what two guests at once make Dom0 and the hypervisor take for good."""
    another_works(s)
    tells_all(s, SEEDS[0])
    the_other_is_undisturbed(s)


def is_refused(s):
    """Dom0's back ends did notice."""
    said = s.quiet("dmesg | grep -E 'blkback|netback|vif|vbd' | sed 's/^[^]]*] //; s/[0-9]\\+/N/g' | sort | uniq -c")[0]
    print("# what Dom0's back ends said:\n# " + said.strip().replace("\n", "\n# "))
    for word in ("ogus", "nvalid grant|invalid buffer|grant ref|Invalid"):
        require(re.search(word, said), "the back ends did not refuse: no %s in %s" % (word, said))
