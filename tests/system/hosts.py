# SPDX-License-Identifier: MIT
"""The two hypervisors that run the same guests: Ringlet and Debian's Xen 4.17, and what each needs under QEMU's TCG.

Three things stand against Xen there:
- With SMAP, QEMU faults in an iretq at CPL 3, which Linux executes when it starts: a processor without it.
- QEMU's XSAVE and XRSTOR do not raise #NM when CR0.TS is set, by which Xen would notice that a guest's kernel switches
  floating point state that Xen has not loaded yet: it must load it eagerly.
- Under its default scheduler a vCPU that can run is sometimes left waiting until the next interrupt, both processors
  idle (seen by its debug keys r and q); the older scheduler has a tick.

Guests give some of their own work only so many seconds of their clock. Environment: CLOCK=instructions has it count
instructions (QEMU's -icount, which runs one processor at a time), for a build machine so busy that these might pass.
"""

import os

from machine import BUILD

# A processor that both start on: what is compared in speed must run on the same one.
BOTH = "EPYC,-monitor,-smap"

# QEMU's arguments, options of the hypervisor.
HOSTS = {
    "ringlet": (["-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf")], ""),
    "xen": (["-cpu", BOTH, "-kernel", os.path.join(BUILD, "guests", "xen-4.17")],
            " spec-ctrl=eager-fpu sched=credit"),
}
CLOCK = ["-icount", "shift=0,sleep=on"] if os.environ.get("CLOCK") == "instructions" else []
OPTIONS = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all noreboot"


def arguments(host, memory, options, modules):
    """For machine.Machine: two processors, these options and boot modules (files with their arguments)."""
    qemu, needed = HOSTS[host]
    return ["-m", str(memory), "-smp", "2"] + CLOCK + qemu + [
        "-append", OPTIONS + needed + " " + options, "-initrd", ",".join(modules)]
