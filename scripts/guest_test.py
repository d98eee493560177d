# SPDX-License-Identifier: MIT
"""guest_test.py KERNEL [hypervisor options]: boot a test kernel as Dom0 on Ringlet, show the serial line, judge it.

The guest's output comes first, unchanged; then one line of TAP and its plan, from this program. It is `ok` only if
the guest printed a RESULT line of its own (success or skip), the machine powered off by itself, and the auditor found
nothing wrong with what the guest left (hypervisor/audit/audit.c). Exit code 0: ok.

Environment:
  XEN=file             run it on that Xen instead
  GHOST=1              use the build that checks each hypercall of memory and grants against a model (make ghost)
  CPU, CPUS, MEM       the machine
  DEVICES              more arguments for QEMU
  TURNS=1              its processors take turns in one thread, at each PAUSE and each interrupt
  ICOUNT=1             its ticks are instructions
  SECONDS_MAX          how long it may take (60)
  EXPECT               what must also be seen on the line
  MAY_STOP=1           the guest may end Dom0 in any way, without a RESULT: only the hypervisor is judged
"""

import os
import re
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
from machine import Failure, Machine, guest_result, require  # noqa: E402

OPTIONS = "console=com1 com1=115200,8n1 dom0_mem=64M noreboot loglvl=all guest_loglvl=all"
ENV = os.environ
GHOST = bool(ENV.get("GHOST"))


def machine(kernel, options, log):
    hypervisor = ENV.get("XEN") or ("build/ghost/ringlet.elf" if GHOST else "build/ringlet.elf")
    args = ["-m", ENV.get("MEM", "128" if GHOST else "256"), "-smp", ENV.get("CPUS", "1"), "-cpu", ENV.get("CPU", "max"), "-accel", "tcg,thread=single" if ENV.get("TURNS") else "tcg",
            "-kernel", hypervisor, "-append", options, "-initrd", kernel]
    if ENV.get("ICOUNT"):
        args += ["-icount", "shift=0,sleep=off"]
    args += ENV.get("DEVICES", "").split()
    return Machine(args, log, limit=int(ENV.get("SECONDS_MAX", "60")), show=sys.stdout)


def judge(text, code, audited):
    """Why the guest may have skipped its test, or None. `audited`: the auditor looks at each machine's end."""
    require("audit: wrong" not in text and "discrepancies" not in text, "the auditor found something wrong")
    if ENV.get("MAY_STOP"):
        require("Dom0 has stopped: " in text, "the machine ended without a word")
        audited = audited and "Dom0 has stopped: poweroff" in text
        word, why = "success", ""
    else:
        word, why = guest_result(text)
    require(word in ("success", "skip"), ("%s %s" % (word, why)).strip())
    require(not audited or re.search(r"audit: \d+ frames, ok", text), "the auditor was not heard: no proper end")
    require(code == 0, "QEMU's exit code is %d" % code)
    if GHOST:
        require("ghost: wrong" not in text, "the ghost's model does not agree")
        require(not audited or re.search(r"ghost: [1-9]\d* hypercalls judged", text), "the ghost judged nothing")
    expected = ENV.get("EXPECT")
    require(not expected or re.search(expected, text, re.M), "not seen: %s" % expected)
    return why if word == "skip" else None


def run(kernel, *more):
    options = " ".join([OPTIONS] + ([] if ENV.get("XEN") else ["audit=exit"]) + list(more))
    with tempfile.TemporaryDirectory() as folder:
        with machine(kernel, options, os.path.join(folder, "log")) as m:
            code = m.wait_end(int(ENV.get("SECONDS_MAX", "60")))
            return judge(m.text, code, "audit=exit" in options)


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: guest-test KERNEL [hypervisor options]")
    try:
        skipped, trouble = run(*sys.argv[1:]), None
    except Failure as why:
        trouble = str(why)
    if trouble:
        print("\nnot ok 1 - %s" % trouble.replace("\n", "\n# "))
    else:
        print("\nok 1" if skipped is None else "\nok 1 # SKIP %s" % skipped)
    print("1..1")
    sys.exit(trouble is not None)


if __name__ == "__main__":
    main()
