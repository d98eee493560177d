#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Linux Dom0's drivers and what it may do with its machine, on four machines:

    messages    i440fx, 4 vCPUs: interrupts by MSI and MSI-X; CPUs go off and on under load; memory goes and comes;
                suspend is refused
    pins        the same devices and 2 vCPUs with pci=nomsi: level lines that they share
    other-pins  q35, 1 vCPU: lines above the ISA's sixteen
    high        nearly all memory above 4 GiB: a controller that reaches no more than 4 GiB, and a guest there

Each disk is read whole and written to, by all at a time too; each network card brings and takes a file. Sums are compared
with what the host has. Which interrupts came is asked of Linux.

    linux_dom0_devices.py ringlet|xen [MACHINE...]
"""

import collections
import hashlib
import os
import re
import sys

import hosts
import tcp_sums
from linux_guest import TROUBLE, ZEROS
from machine import BUILD, Machine, Tap, require

OUT = os.path.join(BUILD, "linux-dom0")
SHELL = r"dom0# (\x1b\[6n)?$"
MIB = 1 << 20
SIZE, PIECE = 16, 3  # MiB
LEVEL, EDGE = r"-ioapic-level", r"-ioapic-edge"

# driver: as sysfs has it. line: its name in /proc/interrupts. by: what that line has where messages are used.
Device = collections.namedtuple("Device", "driver args line by")
VIRTIO_BLK = Device("virtio_blk", ["-device", "virtio-blk-pci,drive=virtio_blk"], r"virtio0\b", "-msi-x")
NVME = Device("nvme", ["-device", "nvme,serial=test,drive=nvme"], r"nvme0q\d", "-msi-x")
AHCI = Device("ahci", ["-device", "ich9-ahci,id=ahci", "-device", "ide-hd,bus=ahci.0,drive=ahci"], r"ahci\[", "-msi")
AHCI_Q35 = AHCI._replace(args=["-device", "ide-hd,bus=ide.0,drive=ahci"])
PIIX = Device("ata_piix", ["-device", "ide-hd,bus=ide.0,drive=ata_piix"], r"ata_piix", EDGE)
VIRTIO_NET = Device("virtio_net", ["-device", "virtio-net-pci,netdev=virtio_net"], r"virtio1\b", "-msi-x")
E1000 = Device("e1000", ["-device", "e1000,netdev=e1000"], None, LEVEL)
E1000E = Device("e1000e", ["-device", "e1000e,netdev=e1000e"], None, "-msi-x")
NETS = [VIRTIO_NET, E1000, E1000E]

# words: for Linux. msi: whether messages are used.
Shape = collections.namedtuple("Shape", "name memory qemu options words msi disks nets vcpus more")


def image(disk):
    return os.path.join(BUILD, "tests", "linux-dom0-%s.img" % disk.driver)


def contents(disk):
    with open(image(disk), "rb") as f:
        return f.read()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def make_image(disk):
    block = hashlib.sha512(disk.driver.encode()).digest()
    with open(image(disk), "wb") as f:
        for n in range(SIZE * MIB // 4096):
            f.write(hashlib.sha512(block + n.to_bytes(4, "little")).digest() * 64)


class Session:
    """One machine and what was found out about it."""

    def __init__(self, m, shape, host, sums):
        self.m, self.shape, self.host, self.sums = m, shape, host, sums
        self.names = {}  # of block devices and network cards, by driver

    def ask(self, command, limit=120):
        output = self.m.run(command, limit)
        self.m.expect(SHELL, limit)
        return output

    def until(self, condition, what):
        """Wait for a condition of the shell's."""
        got = self.ask("n=0; until %s; do sleep 1; n=$((n + 1)); [ $n -lt 120 ] || break; done; echo tries $n" % condition, 600)
        require(int(re.findall(r"tries (\d+)", got)[-1]) < 120, "%s has not come" % what)

    def interrupts(self, device):
        """How many came for it; all of the kind that is expected."""
        name = device.line or self.names[device.driver] + r"\b"
        by = device.by if self.shape.msi or device.by == EDGE else LEVEL
        count = 0
        for line in self.ask("cat /proc/interrupts").splitlines():
            found = re.match(r" *\d+:((?: +\d+)+) +xen-pirq +(\S+) +(.*)", line)
            if found and re.search(r"\b" + name, found[3]):
                require(found[2] == by, "%s has %r" % (device.driver, line))
                require("q35" not in self.shape.qemu or int(line.split(":")[0]) >= 16, "one of the ISA's lines: " + line)
                count += sum(map(int, found[1].split()))
        return count


def boots(s):
    s.m.expect(SHELL, 900)
    require(int(s.ask("nproc")) == s.shape.vcpus, "another number of vCPUs")
    found = s.ask("for b in /sys/block/[nsv]*; do p=$(readlink -f $b); p=${p%%/ata*}; p=${p%%/nvme/*}; p=${p%%/block/*}; "
                  "echo ${b##*/} $(readlink $p/driver); done") + s.ask(
                      "for n in /sys/class/net/eth*; do echo ${n##*/} $(readlink $n/device/driver); done")
    s.names = {os.path.basename(driver): name for name, driver in re.findall(r"(?m)^(\w+) (\S+)$", found)}
    for device in s.shape.disks + s.shape.nets:
        require(device.driver in s.names, "nothing for %s in %s" % (device.driver, found))


def disk_works(s, disk):
    name, before = s.names[disk.driver], s.interrupts(disk)
    s.ask("echo 3 > /proc/sys/vm/drop_caches")
    require(digest(contents(disk)) in s.ask("sha256sum /dev/" + name, 300), "another sum of the whole")
    said = s.ask("head -c %dM /dev/urandom > /tmp/piece; sha256sum /tmp/piece; "
                 "dd if=/tmp/piece of=/dev/%s bs=1M seek=9 conv=fsync 2>&1" % (PIECE, name), 300)
    data = contents(disk)
    require(digest(data[9 * MIB:(9 + PIECE) * MIB]) in said, "what was written is not in the file: " + said)
    require(digest(data) in s.ask("echo 3 > /proc/sys/vm/drop_caches; sha256sum /dev/" + name, 300), "another sum afterwards")
    require(s.interrupts(disk) > before, "no interrupts")


def all_disks_at_once(s):
    names = [s.names[d.driver] for d in s.shape.disks]
    got = s.ask("for d in %s; do for q in 0 4 8 12; do dd if=/dev/$d bs=64k count=64 iflag=direct "
                "skip=$((q * 16)) 2>/dev/null | sha256sum > /tmp/$d.$q & done; done; wait; cat %s" % (
                    " ".join(names), " ".join("/tmp/%s.%d" % (d, q) for d in names for q in (0, 4, 8, 12))), 600)
    wanted = [digest(contents(d)[q * MIB:(q + 4) * MIB]) for d in s.shape.disks for q in (0, 4, 8, 12)]
    require(re.findall(r"[0-9a-f]{64}", got) == wanted, "other sums")


def card_works(s, card):
    name, before = s.names[card.driver], s.interrupts(card)
    net = "10.0.%d" % (3 + NETS.index(card))
    s.ask("ip link set %s nomaster up; ip addr replace %s.15/24 dev %s" % (name, net, name))
    s.until("busybox ping -c 1 -W 2 %s.2 > /dev/null" % net, "an answer")
    require(s.sums.sent in s.ask("busybox nc %s.2 %d < /dev/null | sha256sum" % (net, s.sums.gives), 300), "another file came")
    said = s.ask("head -c %dM /dev/urandom > /tmp/file; sha256sum < /tmp/file; busybox nc %s.2 %d < /tmp/file"
                 % (PIECE, net, s.sums.takes), 300)
    sums = re.findall(r"[0-9a-f]{64}", said)
    require(len(sums) == 2 and sums[0] == sums[1], "another file arrived: " + said)
    require(s.interrupts(card) > before, "no interrupts")


def all_work(s):
    for disk in s.shape.disks:
        disk_works(s, disk)
    for card in s.shape.nets:
        card_works(s, card)


def cpus_go_and_come(s):
    """While all of them read a disk."""
    name = s.names["virtio_blk"]
    s.ask("(while [ ! -e /tmp/stop ]; do dd if=/dev/%s bs=1M iflag=direct 2>/dev/null | sha256sum; done > /tmp/sums) & true" % name)
    last = s.shape.vcpus - 1
    for _ in range(2):
        for state in (0, 1):
            s.ask("for c in $(seq 1 %d); do echo %d > /sys/devices/system/cpu/cpu$c/online || exit 1; done" % (last, state), 300)
            vcpus = 1 + state * last
            require(int(s.ask("nproc")) == vcpus, "not %d CPUs" % vcpus)
            paused = len(re.findall(r"(?m)^Domain-0 .* --p ", s.ask("xl vcpu-list 0")))
            require(paused == s.shape.vcpus - vcpus, "%d vCPUs are down" % paused)
    s.ask("touch /tmp/stop; wait", 300)
    sums = re.findall(r"[0-9a-f]{64}", s.ask("cat /tmp/sums"))
    require(sums and set(sums) == {digest(contents(VIRTIO_BLK))}, "other sums meanwhile: %s" % sums)


def memory_goes_and_comes(s):
    """dom0_mem=600M,max:900M: what Linux has follows its target, and so does what the hypervisor has left."""
    def total():
        return int(s.ask("grep MemTotal /proc/meminfo").split()[1])

    def free():
        return int(re.search(r"free_memory *: (\d+)", s.ask("xl info"))[1])

    start, left = total(), free()
    balloon = "/sys/devices/system/xen_memory/xen_memory0/"
    for mib, command in ((450, "xl mem-set 0 450"), (900, "xl mem-set 0 900"), (500, "echo 512000 > %starget_kb" % balloon),
                         (600, "echo %d > %starget" % (600 * MIB, balloon))):
        s.ask(command)
        s.until("[ $(xl list 0 | awk 'END { print $3 }') = %d ]" % mib, "%d MiB" % mib)
        require(total() - start == (mib - 600) * 1024, "MemTotal is %d of %d" % (total(), start))
        require(abs(free() - left + mib - 600) <= 8, "%d MiB are free, with 600 it was %d" % (free(), left))
        require(int(s.ask("cat %sinfo/current_kb" % balloon)) == mib * 1024, "current_kb")


def does_not_sleep(s):
    s.ask("echo mem > /sys/power/state", 300)
    log = s.ask("dmesg")
    require(re.search(r"PM: suspend entry \(deep\)(?s:.*)PM: suspend exit", log), "Linux has not tried")
    require(int(s.ask("nproc")) == s.shape.vcpus, "not all CPUs are back")
    all_work(s)


def has_memory_above_4_gib(s):
    """What a controller of 32 bits cannot reach is copied; a guest has its memory there."""
    s.ask("mount -t debugfs d /sys/kernel/debug; cd /sys/kernel/debug/tracing; echo 1 > events/swiotlb/swiotlb_bounced/enable; cd")
    disk_works(s, PIIX)
    bounced = s.ask("grep -c swiotlb_bounced: /sys/kernel/debug/tracing/trace")
    require(int(bounced) > 0, "no request was copied")
    s.ask("echo 0 > /sys/kernel/debug/tracing/events/swiotlb/swiotlb_bounced/enable")
    s.ask("xl create /etc/xen/linux.cfg memory=600", 300)
    s.ask("t=$(xenstore-read /local/domain/$(xl domid linux)/console/tty); cat $t > /tmp/said & true")
    s.until("grep -q 'linux# ' /tmp/said", "the guest's shell")
    s.ask("echo 'dd if=/dev/zero bs=1M count=24 of=/zeros; sha256sum /zeros' > $t")
    s.until("grep -q %s /tmp/said" % ZEROS, "the sum of the guest's file")
    s.ask("xl destroy linux; wait")


def ends(s):
    log = s.ask("dmesg")
    require(not re.search(TROUBLE, log), "in dmesg: %s" % re.findall(TROUBLE, log))
    require("xen map irq failed" not in log, "Linux could not map an interrupt")
    if s.host == "ringlet":
        s.ask("xl dmesg -c > /dev/null; xl debug-keys a")
        s.until("xl dmesg | grep -q audit:", "the auditor's report")
        report = s.ask("xl dmesg")
        require(re.search(r"audit: \d+ frames, ok", report), report)
    s.m.send("exit\n")
    s.m.wait_end(120)


I440 = [VIRTIO_BLK, NVME, AHCI, PIIX]
SHAPES = [
    Shape("messages", 1900, ["-smp", "4"], "dom0_mem=min:300M,600M,max:900M dom0_max_vcpus=4", "", True, I440, NETS, 4,
          [cpus_go_and_come, memory_goes_and_comes, does_not_sleep]),
    Shape("pins", 1200, ["-smp", "4"], "dom0_mem=600M dom0_max_vcpus=2", "pci=nomsi", False, I440, NETS, 2, [does_not_sleep]),
    Shape("other-pins", 1200, ["-M", "q35"], "dom0_mem=600M dom0_max_vcpus=1", "pci=nomsi", False,
          [VIRTIO_BLK, NVME, AHCI_Q35], NETS, 1, []),
    Shape("high", 2560, ["-M", "pc,max-ram-below-4g=512M"], "dom0_mem=1400M dom0_max_vcpus=2", "", True, I440, NETS, 2,
          [has_memory_above_4_gib]),
]


def run(tap, host, shape, sums):
    args = hosts.arguments(host, shape.memory, shape.options,
                           [os.path.join(BUILD, "guests", "vmlinux") + " console=hvc0 quiet-network " + shape.words,
                            os.path.join(OUT, "dom0.cpio")]) + shape.qemu
    for disk in shape.disks:
        make_image(disk)
        args += ["-drive", "if=none,id=%s,format=raw,file=%s" % (disk.driver, image(disk))] + disk.args
    for card in shape.nets:
        args += ["-netdev", "user,id=%s,net=10.0.%d.0/24" % (card.driver, 3 + NETS.index(card))] + card.args
    log = os.path.join(BUILD, "tests", "linux-dom0-devices-%s.log" % shape.name)
    with Machine(args, log, limit=3000) as m:
        s = Session(m, shape, host, sums)

        def step(name, function, *more):
            return tap.step("%s: %s" % (shape.name, name), lambda: function(s, *more))

        if not step("Dom0 has its devices", boots):
            return
        for disk in shape.disks:
            step("%s is read and written" % disk.driver, disk_works, disk)
        step("all disks at once", all_disks_at_once)
        for card in shape.nets:
            step("%s brings and takes a file" % card.driver, card_works, card)
        for function in shape.more:
            if host == "xen" and function == does_not_sleep:
                continue  # that one does
            step(function.__name__.replace("_", " "), function)
        step("its kernel and the auditor are content, and it ends", ends)


def main():
    tap = Tap()
    os.makedirs(os.path.join(BUILD, "tests"), exist_ok=True)
    host = sys.argv[1] if len(sys.argv) > 1 else "ringlet"
    with tcp_sums.Server(PIECE * MIB) as sums:
        for shape in SHAPES:
            if not sys.argv[2:] or shape.name in sys.argv[2:]:
                run(tap, host, shape, sums)
    tap.end()


main()
