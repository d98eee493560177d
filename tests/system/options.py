#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Options of the hypervisor's command line whose effect is seen on the serial line: how much it says, and how; and how much
memory Dom0 gets."""

import os
import re

from machine import BUILD, Machine, Tap, require

KERNEL = os.path.join(BUILD, "tests", "hc-xen-version-pv64.elf")


def transcript(options):
    """What a machine says that runs a short test as Dom0."""
    args = ["-m", "128", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"), "-initrd", KERNEL,
            "-append", "console=com1 dom0_mem=32M noreboot " + options]
    log = os.path.join(BUILD, "tests", "options.log")
    with Machine(args, log, limit=120) as m:
        require(m.wait_end(100) == 0, "QEMU's exit code is not 0")
        require("RESULT success" in m.text, "the guest did not run: %s" % m.text[-400:])
        return m.text


def own(text):
    return re.findall(r"^\(ringlet\) (.*)$", text, re.M)


def levels():
    info = own(transcript("loglvl=info frobnicate"))
    for line in ("CPU: ", "Command line: ", "Dom0: ", "Warning: not understood and ignored: frobnicate"):
        require(any(s.startswith(line) for s in info), "loglvl=info lacks %r: %s" % (line, info))
    warning = own(transcript("loglvl=warning guest_loglvl=none frobnicate"))
    require(any("frobnicate" in s for s in warning), "loglvl=warning says no warning: %s" % warning)
    require(not any(s.startswith(("CPU: ", "Dom0: ")) for s in warning), "loglvl=warning says %s" % warning)
    error = own(transcript("loglvl=error frobnicate"))
    require(not any("frobnicate" in s for s in error), "loglvl=error says %s" % error)
    require(any(s.startswith("Dom0 has stopped: poweroff; ") for s in error), "the end is not told: %s" % error)


def formats():
    for good in ("com1=9600,8n1", "com1=57600,7e2"):
        require(not any("not understood" in s for s in own(transcript(good))), "%s is not understood" % good)
    for bad in ("com1=9600,9n1", "com1=115200,8n1,0x2f8"):
        require("Warning: not understood and ignored: " + bad in own(transcript(bad)), "no warning of %s" % bad)


def memory():
    """What is given twice, the last is meant: transcript() has one of its own."""
    for option, mib, most in (("40M,max:64M", 40, 64), ("max:36M,min:20M,64M", 36, 36), ("min:44M,40M", 44, 44)):
        said = own(transcript("dom0_mem=" + option))
        require(any(re.match(r"Dom0: pv64, %d MiB, " % mib, s) for s in said), "dom0_mem=%s: %s" % (option, said))
        grows = ["Dom0 may grow to %d MiB" % most] * (most > mib)
        require([s for s in said if "may grow" in s] == grows, "dom0_mem=%s: %s" % (option, said))


def main():
    tap = Tap()
    tap.step("dom0_mem takes a size, a least and a most, in any order", memory)
    tap.step("loglvl chooses what is said", levels)
    tap.step("com1 takes speeds and formats, and names what it does not take", formats)
    tap.end()


main()
