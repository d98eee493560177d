# SPDX-License-Identifier: MIT
"""Lab 3: does the kernel with the ported tls_load() work, in both kinds, and which way does it go? The hypervisor counts."""

import hashlib
import json
import os
import re

from grading import BUILD, COUNTED, HANG, Judged, Points, make, require
from main_job import SHELL, Console

OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"
IMAGES = [os.path.join(BUILD, f) for f in ("ringlet.elf", "guest/kernel-pv64.elf", "dom0.cpio")]
# Several programs at a time, each with thread-local storage of its own, so that switches are many; and a known sum.
WORK = "for i in 1 2 3 4; do (ring > /dev/null; seq 1 3000 | sort -r > /dev/null) & done; seq 1 3000 | sha256sum; wait"
SUM = hashlib.sha256("".join("%d\n" % i for i in range(1, 3001)).encode()).hexdigest()
MANY = 20


def reasons(m, name):
    """How often domain `name` came into the hypervisor, by reason."""
    found = {}
    for vcpu in json.loads(m.run("rl stats --json " + name))["vcpus"]:
        for r in vcpu["reasons"]:
            found[r["reason"]] = found.get(r["reason"], 0) + r["count"]
    return found


def work(m, who):
    text = m.run(WORK, HANG)
    require(SUM in text, "%s: the programs do not do what they should: %r" % (who, text[-300:]))


def pv32(m):
    """A pv32 domain with the kernel from Dom0's initramfs; leaves it running."""
    m.run("rl create -q demo32.cfg name=g32 memory=24")
    m.run("n=0; while [ $((n += 1)) -lt 60 ] && rl domid g32 >/dev/null 2>&1 && ! grep -q ':/root#' $(ls -d /run/rl/console/*/log | tail -1); do sleep 1; done",
          HANG)
    said = m.run("tail -n 20 $(ls -d /run/rl/console/*/log | tail -1)")
    require(":/root#" in said, "it did not come to its shell. Its last words:\n%s\nA page that is a descriptor table cannot be "
            "written by the kernel it belongs to. Which hypercall does it, by what kind of address, and what did it answer?"
            % re.sub(r"[^\n -~]", "", said)[-700:])
    with Console(m, "g32"):
        work(m, "pv32")


def main():
    points = Points()
    seen = {"pv64": {}, "pv32": {}}
    built, booted = "the kernels compile", "pv64: programs have their thread-local storage"

    def used(kind, name):
        times = seen[kind].get("hypercall " + name, 0)
        require(times >= MANY, "hypercall %s was made %d times. tls_load() is called at every switch between processes that "
                "have thread-local storage" % (name, times))

    def not_emulated():
        times = sum(n for r, n in seen["pv64"].items() if r == "emulate wrmsr")
        require(times == 0, "WRMSR was trapped and emulated %d times: it works, and each time costs several hypercalls. Look "
                "for what `rl stats Domain-0` says" % times)

    def pv64():
        require(built not in points.broken, "there is no kernel to boot")
        m.expect(SHELL, HANG)
        m.run("rl stats --on")
        work(m, "pv64")
        seen["pv64"] = reasons(m, "Domain-0")

    def count_pv32():
        pv32(m)
        seen["pv32"] = reasons(m, "g32")

    points.setup(built, lambda: make(*IMAGES))
    with Judged(["-m", "256", "-cpu", "max", *COUNTED, "-kernel", IMAGES[0], "-append", OPTIONS, "-initrd", ",".join(IMAGES[1:])],
                 os.path.join(BUILD, "labs", "3-port-to-hypercall", "log"), limit=2 * HANG) as m:
        points.setup(booted, pv64)
        points.point("pv32: programs have their thread-local storage", count_pv32, 3, [built, booted])
    points.point("pv64: no privileged instruction is left", not_emulated, 2, [built, booted])
    points.point("pv64: the base is set by hypercall", lambda: used("pv64", "set_segment_base"), 2, [built, booted])
    points.point("pv32: the descriptor is written by hypercall", lambda: used("pv32", "update_descriptor"), 3, [built, booted])
    points.end()


if __name__ == "__main__":
    main()
