#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`rl` and `xl` on Debian's Linux as Dom0:  linux_dom0_rl.py beside|instead [ringlet|xen]

beside: Debian's xenstored and xenconsoled run. What rl makes, xl shows, talks with and ends, and the other way round; rl reads the
packed kernel that xl reads; rl's domains restart by rl-domd, which keeps what `rl why` tells of one that crashed; xl makes the hello
guests; rl runs an appliance.
instead: Ringlet's daemons run. Debian's tools ask them, xl makes domains with their help, and what xl ends leaves nothing with
them.
Both: the teaching kernel's disks, by Linux's blkback and by rl-blkd; a day with xl and a Linux guest that has a disk and a network.

The machine's clock counts instructions: xl gives the scripts that attach devices 40 s of it, however busy the build machine is.
"""

import hashlib
import os
import re
import sys

import front_disks
import hello
import hosts
from machine import BUILD, Machine, Tap, require

OUT = os.path.join(BUILD, "linux-dom0")
PROMPT = r"dom0# (\x1b\[6n)?$"
WORDS = {"beside": "quiet-network", "instead": "quiet-network daemons=rl"}
CLOCK = [] if hosts.CLOCK else ["-icount", "shift=0,sleep=off"]
# What the guest has on its disk and gets through the bridge; a line for it may be typed more than once.
FILE = "".join("%d\n" % n for n in range(1, 30001)).encode()
SUM = hashlib.sha256(FILE).hexdigest()
DISK_AND_NETWORK = ("mkdir -p /mnt; grep -q xvda /proc/mounts || mount -t ext4 /dev/xvda /mnt; ip address add 10.9.0.2/24 dev eth0; "
                    "[ -e /mnt/f ] || wget -q -O /mnt/f http://10.9.0.1/f; sync; echo 3 > /proc/sys/vm/drop_caches; "
                    "echo $(sha256sum < /mnt/f) $(wget -q -O - http://10.9.0.1/f | sha256sum) $kept")


def run(m, command, limit=600, code=0):
    output = m.run(command, limit, code)
    m.expect(PROMPT)
    return output


def domains(m, tool):
    """{name: state} by `xl list` or `rl list`."""
    return dict(re.findall(r"^(\S+) +\d+ +\d+ +\d+\s+(\S+)", run(m, tool + " list"), re.M))


def same(m, *names):
    """Both tools show these domains beside Domain-0, and no other: what ended a moment ago may still be there."""
    wanted = " ".join(sorted(names + ("Domain-0",)))
    for tool in ("xl", "rl"):
        run(m, "until [ \"$(%s list | tail -n +2 | cut -d' ' -f1 | sort | xargs)\" = '%s' ]; do sleep 0.2; done" % (tool, wanted), 200)


def answers(m, name, line="echo It is $((6 * 7)).", words="It is 42"):
    """Its shell, through `rl console`. The guest may still be starting: what is typed waits in its console. It is typed again only if
    nothing comes for long, since the guest would do all of it again."""
    run(m, "echo '%s' > /tmp/keys; rl console %s < /tmp/keys > /tmp/said" % (line, name))
    run(m, "n=0; until grep -q '^%s' /tmp/said; do [ $((n += 1)) != 100 ] || { n=0; rl console %s < /tmp/keys; } >> /tmp/said; "
        "sleep 0.2; rl console %s < /dev/null >> /tmp/said; done" % (words, name, name), 900)


def frames(m):
    """Ringlet's auditor is content: how many frames are free, and how many domains have."""
    run(m, "xl dmesg -c > /dev/null; xl debug-keys a; until xl dmesg > /tmp/log; grep -q 'audit:' /tmp/log; do sleep 0.2; done")
    report = run(m, "cat /tmp/log")
    found = re.search(r"audit: \d+ frames, ok: (\d+) free, (\d+) held", report)
    require(found, "the auditor: " + report)
    return found.groups()


def boot(m, mode):
    m.expect("is Dom0 after", 500)
    m.expect(PROMPT, 120)
    for daemon in ("xenstored", "xenconsoled") if mode == "beside" else ("rl-stored", "rl-consoled", "rl-keeper"):
        run(m, "grep -qx %s /proc/[0-9]*/comm" % daemon)
    run(m, "grep -qx rl-domd /proc/[0-9]*/comm")
    same(m)


def made_by_rl(m):
    said = run(m, "rl create -q /etc/rl/demo64.cfg 2>&1")
    require("warning" not in said, "rl create is not content: " + said)
    same(m, "demo64")
    answers(m, "demo64")
    require(run(m, "xl domid demo64") == run(m, "rl domid demo64"), "xl and rl name different domains")
    run(m, "xl pause demo64")
    require("p" in domains(m, "rl")["demo64"], "it is not paused")
    run(m, "rl unpause demo64")
    run(m, "xl destroy demo64")
    same(m)


def made_by_xl(m):
    run(m, "xl create -q /etc/xen/demo64.cfg")
    same(m, "demo64")
    answers(m, "demo64")
    require(re.search(r"^demo64 +\d+ +0 ", run(m, "rl vcpu-list"), re.M), "rl vcpu-list does not show it")
    require("belongs to domain" in run(m, "rl create -q /etc/rl/demo64.cfg 2>&1", code=1), "rl makes a second one of that name")
    run(m, "rl destroy demo64")
    same(m)


def lends_devices(m):
    """A disk that is a file, and a card on the bridge, on which a page is served."""
    run(m, "mkdir -p /tmp/www; seq 30000 > /tmp/www/f; ip address add 10.9.0.1/24 dev xenbr0; busybox httpd -p 10.9.0.1:80 -h /tmp/www")
    run(m, "mount -t tmpfs files /mnt; truncate -s 8M /mnt/disk; mke2fs -q -F /mnt/disk")
    run(m, "xl create -q /etc/xen/linux.cfg memory=160 'disk=[\"file:/mnt/disk,xvda,w\"]'", 1200)
    same(m, "linux")
    answers(m, "linux")
    answers(m, "linux", "kept=mine; echo is kept", "is kept")
    answers(m, "linux", DISK_AND_NETWORK, "%s - %s - mine" % (SUM, SUM))


def teaching_disks(m, host):
    """By Linux's blkback, and by rl-blkd, with the other kind of kernel where it runs. In a file system of their own."""
    def dom0(line, limit=600):
        return run(m, line, limit)

    return front_disks.steps(dom0, "xl", "64", "/run/disks", "/etc/xen/demo64.cfg") + front_disks.steps(
        dom0, "rl", "32" if host == "ringlet" else "64", "/run/disks", "demo%s.cfg" % ("32" if host == "ringlet" else "64"),
        front_disks.BLKD)


def pauses_saves_restores(m):
    run(m, "xl pause linux")
    require("p" in domains(m, "xl")["linux"], "it is not paused")
    run(m, "xl unpause linux; xl save linux /mnt/saved > /tmp/said 2>&1", 1200)
    same(m)
    run(m, "xl restore /mnt/saved > /tmp/said 2>&1", 1200)
    same(m, "linux")
    answers(m, "linux", DISK_AND_NETWORK, "%s - %s - mine" % (SUM, SUM))


def ends_by_xl(m, host):
    """Its disk is clean; after a restart, too. Then one more of a kind that Dom0 has had: every frame comes back."""
    answers(m, "linux", "umount /mnt; grep -q xvda /proc/mounts || echo clean", "clean")
    run(m, "xl shutdown -w linux", 1200)
    same(m)
    run(m, "until e2fsck -fn /mnt/disk && ! losetup -a | grep -q .; do sleep 0.2; done; rm /mnt/saved")
    before = frames(m) if host == "ringlet" else None
    run(m, "xl create -q /etc/xen/demo64.cfg")
    answers(m, "demo64")
    reboots(m, "xl")
    run(m, "xl destroy demo64")
    same(m)
    if before:
        after = frames(m)
        require(before == after, "frames free and held before: %s, after: %s" % (before, after))


def consoles_of_xl(m):
    """rl-consoled gives xl's domain a terminal; a new one when it is killed."""
    tty = "[ -e \"$(xenstore-read /local/domain/$(xl domid demo64)/console/tty)\" ]"
    run(m, "xl create -q /etc/xen/demo64.cfg; until %s; do sleep 0.2; done" % tty)
    for key in ("first", "second"):
        m.send("xl console -t pv demo64\n\n")
        m.expect(r"\w+:/root# ", 600)
        m.send("echo $((6 * 7)) %s\n" % key)
        m.expect(r"^42 %s" % key, 600)
        m.send("\x1d")
        m.expect(PROMPT, 600)
        require("42 first" in run(m, "rl console -l demo64"), "rl-consoled did not keep what it said")
        if key == "first":
            run(m, "old=$(pidof rl-consoled); kill -9 $old; until new=$(pidof rl-consoled) && [ $new != $old ] && %s; do sleep 0.2; done" % tty)
    run(m, "id=$(xl domid demo64); xl destroy demo64; until ! test -e /run/rl/console/$id; do sleep 0.2; done")
    same(m)


def hello_guests(m):
    for language in hello.built():
        hello.created(lambda *words: run(m, *words), "xl", language)
    same(m)


def names_the_crash(m, *callers):
    said = run(m, "rl why crash")
    wanted = [r"by [0-9a-f]{16} %s\+" % name for name in callers]
    for words in [r'"crash" \(pv64\) crashed', r"Names are those of /boot/kernel-pv64\.elf"] + wanted:
        require(re.search(words, said), "rl why says no %r: %s" % (words, said))


def crashes(m):
    """What rl made is gone, and rl-domd has kept the report. What xl made stays, and the store tells which kernel it has."""
    run(m, "rl create --wait crash.cfg 'extra=run=echo,panic>/dev/crash'", code=3)
    names_the_crash(m, "panic", "crash_panic")
    run(m, "xl create -q /etc/rl/crash.cfg 'extra=\"run=echo,pagetable>/dev/crash\"' 'on_crash=\"preserve\"'")
    run(m, "until rl list crash | grep -q -- '-sc-'; do sleep 0.2; done")
    names_the_crash(m, "panic", "trap", "sys_write")
    run(m, "xl destroy crash")
    same(m)


def appliance(m):
    """Packed here, with a disk that keeps what its guest writes from run to run."""
    run(m, "cd /tmp; truncate -s 4M d.img; mke2fs -q -F d.img; rl pack demo64.cfg 'disk=[\"d.img,raw,xvda,w\"]'; rm d.img")
    for line, words in (("echo kept > /a/word", "is done"), ("read w < /a/word", "is kept")):
        run(m, "rl run demo64.rla")
        answers(m, "demo64", "w=done; mkdir -p /a; mount /dev/xvda /a; %s; umount /a; echo is $w" % line, words)
        run(m, "rl destroy demo64")
    run(m, "rl run --remove demo64; rm demo64.rla; cd; ! ls /var/lib/rl/appliances | grep .")
    same(m)


# What a guest of rl's writes on both disks; and what it finds there.
DISKS_OF_RL = ("for d in a b; do mkdir -p /$d; mount -t ext4 /dev/xvd$d /$d; seq 30000 > /$d/f; umount /$d; mount -t ext4 /dev/xvd$d /$d; done; "
               "sum() { sha256sum < $1 | cut -c1-64; }; echo $(sum /a/f) $(sum /b/f); umount /a /b")


def disks_by_rl(m):
    """One served by rl-blkd, past the cache, and one by the kernel's driver; a third, on tmpfs, is plugged in and out. An image has one
    writer."""
    run(m, "mount -t tmpfs files /mnt; mkdir /mnt/ext4; truncate -s 24M /mnt/fs; mke2fs -q -t ext4 -F /mnt/fs; mount -o loop /mnt/fs /mnt/ext4")
    run(m, "for i in ext4/a b c; do truncate -s 8M /mnt/$i.img; mke2fs -q -t ext4 -F /mnt/$i.img; done; loop=$(losetup -f --show /mnt/b.img)")
    run(m, "grep -v '^vif' /etc/xen/linux.cfg > /tmp/linux.cfg; "
        "rl create -q /tmp/linux.cfg memory=160 \"disk=['/mnt/ext4/a.img,raw,xvda,w', 'backendtype=phy,vdev=xvdb,target=$loop']\"", 1200)
    answers(m, "linux", DISKS_OF_RL, "%s %s" % (SUM, SUM))
    direct = run(m, "for p in $(pidof rl-blkd); do for f in /proc/$p/fd/*; do [ \"$(readlink $f)\" != /mnt/ext4/a.img ] || grep flags /proc/$p/fdinfo/${f##*/}; done; done")
    require(sorted(int(flags, 8) & 0o40000 for flags in re.findall(r"\d+", direct)) == [0, 0o40000], "not opened twice: " + direct)
    rows = run(m, "rl block-list linux")
    require(re.search(r"^51712 .* 4 .*/backend/qdisk/", rows, re.M) and re.search(r"^51728 .* 4 .*/backend/vbd/", rows, re.M), rows)
    run(m, "cd /mnt; rl block-attach linux c.img,raw,xvdc,w; cd /")
    answers(m, "linux", "until grep -q xvdc /proc/partitions; do sleep 1; done; echo is there", "is there")
    run(m, "rl block-detach linux xvdc; ! rl block-list linux | grep 51744")
    for image in ("/mnt/ext4/a.img", "/mnt/b.img", "$loop"):
        said = run(m, "rl create -q /tmp/linux.cfg name=two \"disk=['%s,raw,xvda,r']\" 2>&1" % image, code=1)
        require("in use: it is xvd%s of domain" % ("a" if "a.img" in image else "b") in said, said)
    run(m, "rl shutdown -w linux", 300)
    same(m)
    run(m, "losetup -d $loop; for i in ext4/a b c; do e2fsck -fn /mnt/$i.img || exit 1; done; ! xenstore-ls /local/domain/0/backend | grep frontend; umount /mnt/ext4 /mnt", 120)


def reboots(m, tool):
    before = run(m, "rl domid demo64").strip()
    run(m, "%s reboot demo64; until [ \"$(rl domid demo64 2> /dev/null || echo %s)\" != %s ]; do sleep 0.2; done" % (tool, before, before))
    same(m, "demo64")
    answers(m, "demo64")


def completes(m):
    """Debian's bash asks rl what Tab completes."""
    m.send("rl cr\tdemo6\tmem\t\x01echo : \n")
    m.expect(r"^: rl create demo64\.cfg memory= *$")
    m.expect(PROMPT)


def restarts(m):
    run(m, "rl create -q /etc/rl/demo64.cfg")
    answers(m, "demo64")
    for tool in ("rl", "xl"):
        reboots(m, tool)
    run(m, "rl destroy demo64")
    same(m)


def store_is_rls(m):
    require("Domain-0" in run(m, "xenstore-read /local/domain/0/name"), "xenstore-read does not reach rl-stored")
    run(m, "xenstore-write /there yes")
    require(run(m, "rl store read /there").strip() == "yes", "rl does not see what xenstore-write wrote")
    require("there = \"yes\"" in run(m, "xenstore-ls"), "xenstore-ls does not show it")
    require(re.search(r"^nr_cpus +: 2$", run(m, "xl info"), re.M), "xl info does not work")


def shuts_down(m):
    run(m, "rl create -q /etc/rl/demo64.cfg")
    answers(m, "demo64")
    require("It is 42." in run(m, "rl console -l demo64"), "rl-consoled did not keep what it said")
    run(m, "rl shutdown -w demo64", 200)
    same(m)


def quiet(m, host):
    """No kernel complains, and no frame is lost."""
    said = re.findall(r"^\[ *[\d.]+\] +(?:BUG|WARNING|Call Trace).*", run(m, "dmesg"), re.M)
    require(not said, "Dom0's kernel complains: %s" % said[:3])
    if host == "ringlet":
        frames(m)


STEPS = {
    "beside": [("what rl makes, xl shows and ends", made_by_rl), ("what xl makes, rl shows and ends", made_by_xl),
               ("xl makes the hello guests", hello_guests), ("rl why names where a domain crashed", crashes),
               ("rl run starts an appliance", appliance), ("rl's domains have disks, and Debian's packed kernel", disks_by_rl),
               ("what rl makes restarts", restarts), ("Tab completes rl's words", completes)],
    "instead": [("Debian's tools ask rl-stored", store_is_rls), ("what rl makes, xl shows and ends", made_by_rl),
                ("rl shuts a domain down", shuts_down), ("what xl makes, rl shows and ends", made_by_xl),
               ("the consoles of xl's domains are rl-consoled's", consoles_of_xl)],
}
DAY = [("xl makes a Linux guest with a disk and a network", lends_devices),
       ("xl pauses, saves and restores it", pauses_saves_restores)]


def main(mode, host="ringlet"):
    tap = Tap()
    modules = [os.path.join(BUILD, "guests", "vmlinux") + " console=hvc0 " + WORDS[mode], os.path.join(OUT, "dom0.cpio")]
    with Machine(hosts.arguments(host, 1600, "dom0_mem=900M dom0_max_vcpus=1", modules) + CLOCK,
                 os.path.join(BUILD, "tests", "linux-dom0-rl-%s-%s.log" % (mode, host)), limit=3500) as m:
        steps = [("Linux is Dom0, with the daemons that were asked for", lambda m: boot(m, mode))] + STEPS[mode] + DAY
        steps.append(("xl ends it, and its disk is clean; no frame is lost", lambda m: ends_by_xl(m, host)))
        steps.append(("nobody complains, and nothing is lost", lambda m: quiet(m, host)))
        steps = [(name, lambda step=step: step(m)) for name, step in steps]
        for name, step in steps[:2] + teaching_disks(m, host) + steps[2:]:
            if not tap.step(name, step):
                break  # the next ones find what this one has left
    tap.end()


if len(sys.argv) not in (2, 3) or sys.argv[1] not in STEPS:
    sys.exit(__doc__)
main(*sys.argv[1:])
