# SPDX-License-Identifier: MIT
"""The core that `xl dump-core` wrote of a Linux guest on a Linux Dom0's disk, taken out and looked at by binutils and gdb."""

import os
import re
import subprocess
import sys

from machine import BUILD, TOP, Failure, require

CORE = "/mnt/core"


def output(*args):
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def banner():
    """Where the guest's kernel has the line that names it: (its virtual address, the line)."""
    kernel = os.path.join(BUILD, "guests", "vmlinux-cloud")
    with open(kernel, "rb") as f:
        image = f.read()
    at = image.index(b"Linux version ")
    for offset, va, size in re.findall(r"LOAD +(\w+) (\w+) \w+ (\w+)", output("readelf", "-l", "-W", kernel)):
        if 0 <= at - int(offset, 16) < int(size, 16):
            return int(va, 16) + at - int(offset, 16), image[at:at + 40].decode()
    raise Failure("%s has its name nowhere in memory" % kernel)


def is_opened(s):
    """Its sections are answers, which are compared; scripts/gdb/xl_core.py makes it one that gdb opens."""
    s.ask("umount /mnt")
    tests = os.path.join(BUILD, "tests")
    core, new = (os.path.join(tests, "linux-dom0-%s.%s" % (s.host, kind)) for kind in ("core", "gdb-core"))
    output("debugfs", "-R", "dump %s %s" % (CORE.replace("/mnt", ""), core), os.path.join(tests, "linux-dom0-short-%s-vda.img" % s.host))
    head = output("readelf", "-h", "-S", "-W", core)
    lines = re.findall(r"(?:Class|Type|Machine|Number of .* headers): .*", head)  # and of each section all but where it is in the file
    lines += [" ".join(found) for found in re.findall(r"\] (\.\S+) +(\w+) +(\w+) \w+ (\w+) (\w+)", head)]
    s.answers.append(("core", "readelf -h -S", lines))
    require("not recognized" in output("gdb", "-nx", "-batch", "-ex", "core " + core), "gdb opens it as it is")
    said = output(sys.executable, os.path.join(TOP, "scripts", "gdb", "xl_core.py"), core, new)
    require(re.search(r": 2 vCPUs, \d+ KiB in \d+ pieces", said), said)
    va, name = banner()
    said = output("gdb", "-nx", "-batch", "-ex", "core " + new, "-ex", "info threads", "-ex", "x/2i $pc", "-ex", "x/gx $sp", "-ex", "x/s %d" % va)
    require(name in said and "=> 0x" in said and "Cannot access" not in said, said)
    os.remove(core)
    os.remove(new)
