# SPDX-License-Identifier: MIT
"""What a user of Debian's xl does on a Linux Dom0, the same on Ringlet and on Debian's Xen: one function for each part of the
day. Each takes a xl_session.Session.
"""

import re

from machine import require
from xl_session import AWAIT

TOOLS = "/usr/lib/xen-4.17/bin/"
CONFIG = """name = "work"
kernel = "/boot/vmlinuz-cloud"
ramdisk = "/boot/initrd-linux.cpio"
memory = 160
vcpus = 1
maxvcpus = 2
extra = "console=hvc0 quiet"
disk = ["file:/mnt/d.img,xvda,w", "phy:/dev/vdb,xvdb,w"]
vif = ["bridge=xenbr0,mac=00:16:3e:00:00:01"]
"""
# How long, how much memory is free, what the processor is: each machine's own, and shown by other steps.
INFO = [(r"(?m)^(cpu_mhz|hw_caps|free_memory|total_memory|xen_commandline|cc_\w+|build_id|xen_changeset|release) +:.*", r"\1"),
        (r"(?m)^( +0: +)\d+ +\d+( +10)", r"\1 \2")]
TOP = [(r"(?m)^( *\S+ )[-a-z]{6}( .*)$", r"\1"), (r"(?m)^(xentop|Mem:|\d+ domains|CPUs:).*", r"\1")]
LISTS = [(r'"(shadow_memkb|max_memkb)": \d+', r'"\1"')]
BACK = "/local/domain/0/backend/"
CPU1 = "/sys/devices/system/cpu/cpu1/online"
DROP = "sync; echo 3 >/proc/sys/vm/drop_caches"


def looks(s):
    """Dom0 alone."""
    s.ask("xl list")
    s.ask("xl list -v")
    s.ask("xl list -l", clean=LISTS)
    s.ask("xl info -n", clean=INFO)
    s.ask("xl vcpu-list")
    s.ask("xl cpupool-list -c")
    s.ask("xl claims")
    s.ask("xl uptime")
    s.ask("xl domid Domain-0; xl domname 0")
    s.ask("xl sched-credit; xl sched-credit -d 0", code=None)
    s.ask("xl sched-credit2", code=None)
    s.ask("xentop -b -i 1", clean=TOP)
    s.ask("xenpm get-cpu-topology")
    s.status("xl dmesg")
    s.status("xen-cpuid -p 2>/dev/null")
    s.status("xenhypfs ls /")
    s.status("xenhypfs tree")
    s.ask("xenhypfs cat /buildinfo/version/major")
    s.ask("xl psr-hwinfo; xenpm get-cpufreq-states", code=None)
    s.ask("xl debug-keys h")
    s.ask("xenstore-ls /local/domain/0 | grep -v static-max | sort")
    s.ask("xenstore-write /t/a 1 /t/b two; xenstore-list /t; xenstore-read /t/a /t/b; xenstore-exists /t/c || xenstore-rm /t")
    s.ask("xenstore-read /t/a", code=1)
    s.ask("xenstore-write /t/a 1; xenstore-chmod /t/a n0 r1; xenstore-ls -p /t")
    s.ask("(xenstore-watch -n 2 /t/b >/tmp/w &) && await '[ -s /tmp/w ]' && xenstore-write /t/b 1 && "
          "await '[ $(wc -l </tmp/w) = 2 ]' && cat /tmp/w && xenstore-rm /t")
    s.ask("xl help | head -n 1; xl console -h | head -n 1; xl create -h | head -n 1")


def refusals(s):
    """What cannot be."""
    s.ask("xl create /root/none.cfg", code=None)
    s.ask("xl create /root/work.cfg kernel='\"/none\"' disk='[]' vif='[]'", code=None)
    s.ask("xl create -p /root/work.cfg memory=4000 disk='[]' vif='[]'", code=None, clean=[(r"\d+ KiB|-?\d{4,}", "N")])
    for line in ("destroy none", "pause 77", "save none /mnt/none", "restore /etc/passwd", "vcpu-pin 0 9 0", "mem-set none 64",
                 "rename none other", "block-detach 0 xvda", "trigger none nmi", "nonsense", "dump-core none /mnt/none"):
        s.ask("xl " + line, code=None)
    s.ask("xl list")


def prepares(s):
    for line in CONFIG.splitlines():
        s.quiet("echo '%s' >>/root/work.cfg" % line)
    s.ask("mount /dev/vda /mnt && truncate -s 48M /mnt/d.img && mke2fs -q -F /mnt/d.img")


def creates(s):
    s.ask("xl create -n /root/work.cfg")
    s.ask("xl create -p /root/work.cfg")
    s.ask("xl list")
    s.ask("xl domid work; xl domname 1")
    s.ask("xl unpause work")
    s.enter("work")
    s.inside("nproc; cat /proc/partitions; ip address show eth0 | grep inet")
    s.inside("mkdir /a /b; mount -t ext4 /dev/xvda /a && mount -t ext4 /dev/xvdb /b")


def works(s):
    """Sums over both disks, before and behind the cache; a page through the bridge."""
    s.inside("seq 300000 >/tmp/f; cp /tmp/f /a/f; cp /tmp/f /b/f; " + DROP)
    s.inside("sha256sum /tmp/f /a/f /b/f; cmp /tmp/f /a/f && cmp /tmp/f /b/f")
    s.inside("wget -q -O /a/page URL; cp /a/page /b/page; " + DROP)
    sums(s)


def sums(s):
    text = s.inside("sha256sum /a/page /b/page; cmp /a/f /b/f")
    require(text.count(s.page) == 2, "the page has another sum: " + text)


def lives(s):
    """Changes of a running guest. Its console is open at the beginning and at the end."""
    s.inside("keep=mine; " + AWAIT)
    s.leave()
    s.ask("xl vcpu-set work 2 && xl vcpu-list work | wc -l")
    s.ask("xl mem-set work 130 && await 'xl list work | grep \" 130 \"'")
    s.ask("xl mem-max work 170")
    s.ask("xl vcpu-pin work 0 1 && xl vcpu-list work")
    s.ask("xl sysrq work h && xl trigger work nmi")
    s.ask("xl trigger work reset", code=None)
    s.ask("xl pause work && xl list work && xl unpause work")
    s.ask("xl rename work job && xl domid job && xl rename job work")
    s.ask("xl config-update work /root/work.cfg")
    s.ask("xl sched-credit -d work -w 512", code=None)
    s.ask("truncate -s 8M /mnt/e.img && mke2fs -q -F /mnt/e.img && xl block-attach work file:/mnt/e.img xvdc w")
    s.ask("xl network-attach work bridge=xenbr0 mac=00:16:3e:00:00:02")
    s.ask("await '[ $(xenstore-read %svbd/1/51744/state)$(xenstore-read %svif/1/1/state) = 44 ]'" % (BACK, BACK))
    s.ask("xl block-list work; xl network-list work")
    s.enter("work")
    s.inside("await '[ -e %s ]' && echo 1 >%s; nproc; taskset 2 sha256sum /a/page" % (CPU1, CPU1))
    s.inside("await '[ $(awk \"/MemTotal/{print \\$2}\" /proc/meminfo) -lt 115000 ]'")
    s.inside("mkdir -p /c; mount -t ext4 /dev/xvdc /c && echo kept >/c/word && umount /c; ls /sys/class/net")
    s.inside("dmesg | grep -o -e 'NMI received for unknown reason' -e 'sysrq: HELP' | sort")  # two CPUs may have written them
    s.leave()
    s.ask("xl block-detach work xvdc && xl network-detach work 1")
    s.ask("xl block-list work; xl network-list work; debugfs -R 'cat word' /mnt/e.img")
    s.ask("xl vcpu-set work 1 && xl mem-set work 160 && await 'xl list work | grep \" 160 \"'")
    s.enter("work")
    s.inside("await '[ $(nproc) = 1 ]'; nproc")


def saves(s):
    s.leave()
    s.ask("xl save -c work /mnt/saved")
    s.ask("xl list")
    s.enter("work")
    s.inside("echo $keep; nproc")
    sums(s)
    s.leave()
    s.ask("xl save work /mnt/saved && xl list")
    s.ask("xl restore /mnt/saved && xl list")
    s.ask("await '[ $(xenstore-read %svbd/2/51712/state %svbd/2/51728/state %svif/2/0/state | tr -d \\\\n) = 444 ]'" % (BACK, BACK, BACK))
    s.ask("xl block-list work && xl network-list work")
    s.enter("work")
    s.inside("echo $keep; nproc; " + DROP)
    sums(s)
    s.inside("wget -q -O /tmp/page URL; cmp /tmp/page /a/page; rm /tmp/page")
    s.inside("dmesg | grep -E 'WARNING: CPU|BUG:|Oops|Call Trace|segfault|soft lockup'", code=1)


def ends(s):
    s.inside("umount /a && umount /b")
    s.leave()
    s.ask("xl reboot work && await 'xenstore-read /local/domain/3/console/tty && xl list work | grep \" [r-][b-]---- \"'")
    s.ask("xl list")
    s.enter("work")
    s.inside("mkdir /a /b; mount -t ext4 /dev/xvda /a && mount -t ext4 /dev/xvdb /b")
    sums(s)
    s.leave()
    s.ask("xl dump-core work /mnt/core && stat -c %s /mnt/core && od -A n -N 20 -t x1 /mnt/core")
    s.ask("xl shutdown -w work")
    s.ask("await '! xl domid work' && xl list")
    s.ask("e2fsck -fn /mnt/d.img && e2fsck -fn /dev/vdb")
    s.ask("mkdir /a; mount -o ro /mnt/d.img /a && sha256sum /a/page && umount /a")


def dumps(s):
    """A domain that never ran has not said where its map of frames is: no core."""
    s.ask("xl create -p -d /etc/xen/demo64.cfg")
    s.ask("xl dump-core demo64 /mnt/core64", code=1)
    s.ask("xl destroy demo64 && xl list")
    s.m.send("xl create -c /etc/xen/demo64.cfg\n")
    s.m.expect(r"\w+:/root# ", 600)
    s.leave()
    s.ask("xl list && xl destroy demo64")


def from_elsewhere(s):
    """A guest that was saved on a machine with features, or with leaves of CPUID, that this one does not have."""
    s.ask("xl create -q -p /root/work.cfg disk='[]' vif='[]' && xl unpause work")
    s.enter("work")
    s.leave()
    s.ask("xl save -p work /mnt/saved && xl list && xl unpause work && xl destroy work")
    # The policy stands near the beginning of the file: for each leaf its number, subleaf, EAX, EBX, ECX, EDX.
    for leaf, register, value in ((r"\x07\x00{7}", 14, "377"), (r"\x00{4}\xff{4}[^\x00]\x00{3}[AG]", 8, "176")):  # AVX-512; how many leaves
        s.quiet("cp /mnt/saved /mnt/other; at=$(head -c 65536 /mnt/saved | grep -obUaP '%s' | head -n 1 | cut -d: -f1)" % leaf)
        s.ask("printf '\\%s' | dd of=/mnt/other bs=1 seek=$((at + %d)) conv=notrunc status=none" % (value, register))
        s.ask("xl restore -p /mnt/other && xl destroy work", code=None)
    s.ask("xl restore /mnt/saved && xl destroy work && rm /mnt/saved && xl list")


def ports(s):
    """Dom0's, which has at the end what it had before there were guests; which vCPU an interrupt goes to may change."""
    s.ask(TOOLS + "lsevtchn 0 >/tmp/ports; wc -l </tmp/ports", clean=[(r"\d+", "N")])
    return [re.sub(r"VCPU \d+: ", "", line.strip()) for line in s.quiet("cat /tmp/ports")[0].splitlines()]
