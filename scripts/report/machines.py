# SPDX-License-Identifier: MIT
"""The arrangements, each booted to a shell of the same teaching kernel on a machine with one processor."""

import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "system"), os.path.join(TOP, "scripts")]
from machine import BUILD, Machine  # noqa: E402  pylint: disable=wrong-import-position
import bench  # noqa: E402  pylint: disable=wrong-import-position

PROMPT = r"[#$] (\x1b\[6n)?$"
SERIAL = "console=com1 com1=115200,8n1 noreboot "
# The processor is Ringlet's richest; Xen 4.17 does not start on it, so it gets the one on which it does.
CPU, CPU_XEN = "max", "EPYC,-monitor,-smap"


def built(*names):
    return ",".join(os.path.join(BUILD, name) for name in names)


def native(word):
    return ["-m", "64", "-cpu", CPU, "-kernel", built("guest/kernel-native%s.elf" % word),
            "-initrd", built("guest/initrd%s.cpio" % word)]


def dom0(kernel, root, hypervisor="ringlet.elf", cpu=CPU):
    return ["-m", "512", "-cpu", cpu, "-kernel", built(hypervisor), "-append", SERIAL + "dom0_mem=128M",
            "-initrd", built("guest/kernel-%s.elf" % kernel, root)]


ARRANGEMENTS = {
    "native32": lambda: native(32),
    "native64": lambda: native(64),
    "pv32": lambda: dom0("pv32", "guest/initrd32.cpio"),
    "pv64": lambda: dom0("pv64", "guest/initrd64.cpio"),
    "fv32": lambda: dom0("pv64", "dom0.cpio"),
    "xen_pv64": lambda: dom0("pv64", "guest/initrd64.cpio", "bench/xen.elf", CPU_XEN),
}
# The kernel whose symbols name what runs above the hypervisor.
KERNELS = {name: name.split("_")[-1] for name in ARRANGEMENTS} | {"fv32": "native32"}


def available(name):
    """Whether everything is there that the arrangement needs; only Xen may be missing, where it cannot be had."""
    if name != "xen_pv64":
        return True
    os.makedirs(os.path.join(TOP, bench.OUT), exist_ok=True)
    return bench.xen() is not None


def boot(name, extra, limit=600):
    """A Machine that is to be used in `with`; shell() makes it ready."""
    return Machine(["-smp", "1"] + ARRANGEMENTS[name]() + extra,
                   os.path.join(BUILD, "report", "timeline-%s.log" % name), limit)


def shell(m, name):
    """Wait until the arrangement's own shell reads from the serial line."""
    m.expect(PROMPT, 240)
    if name == "fv32":
        m.run("rl create -q fv.cfg", 120)
        m.send("rl console fv\n")
        time.sleep(0.5)
        m.send("\necho at$((70000 + 7))\n")
        m.expect("at70007", 120)
        m.expect(PROMPT)
