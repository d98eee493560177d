#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The machine of `make run-linux`:  run.py ringlet|xen [more QEMU arguments]

Serial line and QEMU's monitor (^A c) share the terminal; ^A x ends the machine. MEM, CPUS and DOM0 (words for the kernel,
as daemons=rl) may be set in the environment. The disk of `make linux-disk` is the second one, if it was made.
"""
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "system"), os.path.join(TOP, "scripts")]
# pylint: disable=wrong-import-position
import hosts
import tools

BUILD = os.path.join(TOP, "build")
OUT = os.path.join(BUILD, "linux-dom0")
DISKS = [os.path.join(OUT, "disk.img"), os.path.join(BUILD, "linux-disk", "disk.img")]
NETWORK = ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0"]


def main(host, *more):
    if host not in hosts.HOSTS:
        sys.exit("run.py: HYPERVISOR=%s: one of %s is needed" % (host, ", ".join(hosts.HOSTS)))
    modules = [os.path.join(BUILD, "guests", "vmlinux") + " console=hvc0 " + os.environ.get("DOM0", ""),
               os.path.join(OUT, "dom0.cpio")]
    args = hosts.arguments(host, os.environ.get("MEM", "1900"), "dom0_mem=1000M dom0_max_vcpus=2", modules)
    args += ["-smp", os.environ.get("CPUS", "2"), "-no-reboot", "-serial", "mon:stdio", "-display", "none"]
    for disk in filter(os.path.exists, DISKS):
        args += ["-drive", "if=virtio,format=raw,file=" + disk]
    os.execv(tools.path("qemu-system-x86_64"), ["qemu-system-x86_64"] + args + NETWORK + list(more))


if len(sys.argv) < 2:
    sys.exit(__doc__)
main(*sys.argv[1:])
