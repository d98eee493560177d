#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bochs: an interpreter that does what QEMU's translator leaves out (segment limits, null data segments, alignment
checks, SYSRET and IRET as Intel has them). As a program: the guest tests under it, those with WORD in their name.

    bochs.py [WORD]
"""

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from machine import BUILD, Tap, guest_result, require

OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=32M noreboot audit=exit"

CONFIG = """megs: 128
cpu: model=corei7_sandy_bridge_2600k, ips=50000000
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
display_library: rfb, options="timeout=0"
ata0-master: type=cdrom, path={0}/disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={0}/serial
log: {0}/log
panic: action=fatal
clock: sync=none
"""


def run(multiboot, modules, end, limit=100):
    """Boot `multiboot` (file and command line) from a disc, until `end` is on the serial line; what stood there."""
    with tempfile.TemporaryDirectory() as folder:
        boot = os.path.join(folder, "disc", "boot")
        os.makedirs(os.path.join(boot, "grub"))
        lines = ["set timeout=0"]
        for word, line in [("multiboot", multiboot)] + [("module", m) for m in modules]:
            file, *options = line.split(" ", 1)
            shutil.copy(file, boot)
            lines.append(" ".join([word, "/boot/" + os.path.basename(file)] + options))
        with open(os.path.join(boot, "grub", "grub.cfg"), "w") as f:
            f.write("\n".join(lines + ["boot", ""]))
        subprocess.run(["grub-mkrescue", "-o", os.path.join(folder, "disc.iso"), os.path.join(folder, "disc")],
                       capture_output=True, check=True)
        with open(os.path.join(folder, "bochsrc"), "w") as f:
            f.write(CONFIG.format(folder))
        serial = os.path.join(folder, "serial")
        process = subprocess.Popen(["timeout", str(limit), "bochs", "-q", "-f", os.path.join(folder, "bochsrc")],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            process.stdin.write(b"c\n")  # Debian's starts in its debugger
            process.stdin.flush()
            while process.poll() is None and not (os.path.exists(serial) and re.search(end, read(serial), re.M)):
                time.sleep(0.2)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # `timeout`, and what it started
            process.wait()
        return read(serial) if os.path.exists(serial) else ""


def read(path):
    with open(path, errors="replace") as f:
        return f.read().replace("\r", "")


def guest_test(kernel):
    text = run("%s %s" % (os.path.join(BUILD, "ringlet.elf"), OPTIONS), [kernel],
               r"audit: .* ok|audit: \d+ disc|PANIC|has stopped: crash")
    word, why = guest_result(text)
    require(word in ("success", "skip"), "%s %s" % (word, why))
    require(re.search(r"audit: .* ok", text), "the auditor is not content: %s" % text[-300:])


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    tap = Tap()
    for kernel in sorted(glob.glob(os.path.join(BUILD, "tests", "*-pv[36][24].elf"))):
        name = os.path.basename(kernel)[:-4]
        if word in name and name.startswith(("hc-", "attack-", "pv-")):
            tap.step(name, lambda k=kernel: guest_test(k))
    tap.end()


if __name__ == "__main__":
    main()
