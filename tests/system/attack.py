#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs against their kernel: each attack of tests/kernel/ on one build of the teaching kernel, with two processors.

    attack.py KIND
"""

import os
import sys

from machine import BUILD, Failure, Machine, Tap

PROMPT = r"[#$] (\x1b\[6n)?$"
LIMIT = 200  # seconds for one attack, on a busy machine


def boot(kind, kernel="guest/kernel-%s.elf", processors=2, extra=()):
    """The arguments of a machine with this build of the kernel, which finds the programs of tests/kernel/."""
    kernel = os.path.join(BUILD, kernel % kind)
    initrd = os.path.join(BUILD, "tests", "attack%s.cpio" % kind[-2:])
    common = ["-cpu", "max", "-smp", str(processors)] + list(extra)
    if kind.startswith("pv"):
        options = "console=com1 com1=115200,8n1 dom0_mem=64M dom0_max_vcpus=%d noreboot" % processors
        return common + ["-m", "256", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                         "-initrd", "%s ,%s" % (kernel, initrd), "-append", options]
    return common + ["-m", "64", "-kernel", kernel, "-initrd", initrd]


def run(m, command, limit):
    """As Machine.run(); but a kernel that panics ends it at once."""
    m.serial += 1
    m.send("%s; echo '@@'\"end%d:$?:\"\n" % (command, m.serial))
    why = None
    try:
        found = m.expect(r"(?s)(.*?)(@@end%d:(\d+):|kernel panic: [^\n]*(?:\n.*){6})" % m.serial, limit)
        why = None if found.group(3) else "the kernel has panicked: " + found.group(2)
    except Failure as failure:
        why = str(failure)
    if why:  # there is no machine left to ask
        m.process.kill()
        m.process.wait()
        raise Failure(why)
    m.expect(PROMPT, limit)  # the shell is ready for the next
    return found.group(1), int(found.group(3))


def attempt(m, name):
    output, code = run(m, "attack " + name, LIMIT)
    if code:
        raise Failure(output.strip()[-600:])


def overflow(m, kind):
    """A kernel stack that grows too long meets a page that is not there, and no other memory. It is the last step."""
    m.send("echo overflow > /dev/crash\n")
    if kind.startswith("pv"):
        m.expect(r"d0 vCPU \d \(\w+, \w+\) crashed at RIP \w+: its kernel stack at .* cannot take an exception frame")
        m.expect("Halted")
        m.died = None
    else:
        m.expect(r"kernel panic: .*the kernel stack of task \d+ \(sh\) overflowed at")


def main():
    kind, tap = sys.argv[1], Tap()
    with Machine(boot(kind), os.path.join(BUILD, "tests", "attack-%s.log" % kind), limit=580) as m:
        m.expect(PROMPT, 120)
        names = sys.argv[2:] or run(m, "attack names", 60)[0].split("\n")
        for name in [n.strip() for n in names if n.strip() and " " not in n.strip()]:
            tap.step("%s: %s" % (kind, name), lambda: attempt(m, name))
            if m.process.poll() is not None:
                break
    tap.end()


if __name__ == "__main__":
    main()
