# SPDX-License-Identifier: MIT
"""What a Linux Dom0 goes through in a long life, as xl_steps.py: many guests, guests and tools that end in the middle of each
step, a store that dies, a Dom0 that reboots under its guests. What depends on the moment is not compared, only what is left.
"""

import os

from machine import require
from xl_steps import TOOLS

ROUNDS = int(os.environ.get("ROUNDS", "100"))
SMALL = "xl create -q /etc/xen/demo64.cfg 'memory=32' "
TEN = "0 1 2 3 4 5 6 7 8 9"
WORK = "xl create -q /root/work.cfg"
DESTROY_ALL = "xl list | sed 1,2d | while read -r name id more; do xl destroy $id; done"
# Verbs in whose middle something ends, and what must be there before.
STEPS = [
    (WORK, ""),
    ("xl save work /mnt/saved", WORK),
    ("xl save -c work /mnt/saved", WORK),
    ("xl restore /mnt/whole", ""),
    ("xl block-attach work file:/mnt/e.img xvdc w", WORK),
    ("xl network-attach work bridge=xenbr0", WORK),
    ("xl network-detach work 0", WORK),
    ("xl mem-set work 100", WORK),
    ("xl shutdown -w work", WORK),
    ("xl reboot work", WORK),
    ("xl dump-core work /mnt/core", WORK),
]
MOMENTS = os.environ.get("MOMENTS", "1").split()  # seconds of the guest's clock


def warms_up(s):
    """What the first guest makes Dom0 and the hypervisor take for good."""
    s.ask("truncate -s 8M /mnt/e.img && %s && await 'xenstore-read /local/domain/1/device/vif/0/state | grep 4'" % WORK)
    s.ask("xl save work /mnt/whole && xl restore /mnt/whole && xl destroy work")
    gone(s)
    ten_at_once(s)


def gone(s):
    """No guest, no loop device of one, and no back end. Whoever is still at work is waited for: it may even make a guest."""
    s.quiet("wait")
    s.ask("await '" + DESTROY_ALL + "; [ $(xl list | wc -l) = 2 ] && ! losetup -a | grep -q . && ! ls -d /sys/bus/xen-backend/devices/*-*'", limit=1200)


def ten_at_once(s):
    s.ask("(for i in %s; do %s \"name='g$i'\" & done; wait); xl list | awk '{print $1, $3, $4}' | sort" % (TEN, SMALL), limit=1200)
    s.ask("for i in 0 2 4 6 8; do xl pause g$i && xl vcpu-pin g$i 0 1 && xl unpause g$i || echo failed; done")
    s.ask("(for i in %s; do xl destroy g$i & done; wait); xl list" % TEN, limit=1200)
    gone(s)


def rounds(s):
    s.ask("for i in $(seq %d); do %s && xl destroy demo64 || echo failed $i; done >/tmp/rounds 2>&1; grep -A 5 failed /tmp/rounds" %
          (ROUNDS, SMALL), code=1, limit=6000)
    gone(s)


def in_each_step(s, deed):
    for verb, before in STEPS:
        for moment in MOMENTS:
            if before:
                s.quiet(before + " && sleep 1", 1200)
            s.quiet("(exec %s) & sleep %s; %s" % (verb, moment, deed), 1200)
            gone(s)


def guests_are_destroyed(s):
    in_each_step(s, DESTROY_ALL)


def xl_is_killed(s):
    """Not to be caught; what it leaves, the next one ends."""
    in_each_step(s, "kill -9 $!")
    s.ask("%s && xl list | cut -c1-30 && xl destroy demo64" % SMALL)


def the_store_is_replaced(s):
    """As a package's new version would: with all that it knows, and whom it talks to."""
    s.ask("%s && xenstore-control live-update -s %sxenstored" % (WORK, TOOLS))
    s.ask("xl list | awk '{print $1, $3, $4}' && xl block-attach work file:/mnt/e.img xvdc w && xl block-detach work xvdc")
    s.ask("xl destroy work && xenstore-list /local/domain")
    gone(s)


def the_store_dies(s):
    """Its contents are lost, and what Dom0's kernel waited for: the guests go on, and are ended by number; new ones without
    devices can be made."""
    s.quiet(SMALL)
    s.quiet("kill -9 $(cat /run/xenstored.pid) $(cat /run/xenconsoled.pid); sleep 1; rm -f /run/xenstored.pid /run/xenconsoled.pid")
    s.ask("%sxenstored --pid-file /run/xenstored.pid && %sxen-init-dom0 && %sxenconsoled --pid-file=/run/xenconsoled.pid" %
          (TOOLS, TOOLS, TOOLS))
    s.ask("xl list | awk '{print $1, $3, $4}'")
    s.quiet(DESTROY_ALL)
    s.ask("await '[ $(xl list | wc -l) = 2 ]' && %s && xl list | wc -l && xl destroy demo64" % SMALL)
    s.status(WORK, code=3)
    s.quiet(DESTROY_ALL)


def reboots_under_guests(s):
    """Dom0's kernel restarts the machine: the guests have gone, and their disks are what a power cut leaves."""
    s.quiet("%s; %s" % (SMALL, WORK))
    s.m.send("sync; busybox reboot -f\n")
    s.m.expect(r"is Dom0 after", 1800)
    s.boot()
    s.ask("xl list")
    s.ask("mount /dev/vda /mnt && e2fsck -fp /mnt/d.img >/dev/null; [ $? -le 1 ] && %s && xl list && xl destroy demo64" % SMALL)
    require(s.quiet("xl list")[0].count("\n") == 2, "a guest is left")
