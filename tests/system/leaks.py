#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nothing leaks: rounds of create and destroy, kinds in turn; some guests are destroyed while they run, some while
they boot, some builds are killed in the middle. In the end the auditor is content, every frame is free again, and
Dom0 has the ports it had.

Environment: ROUNDS (default 24; `make leaks` does 1,000).
"""

import os
import re

from machine import BUILD, Failure, Machine, Tap

ROUNDS = int(os.environ.get("ROUNDS", "24"))
LOG = os.path.join(BUILD, "tests", "leaks.log")
SHELL = r"[#$] (\x1b\[6n)?$"
CHUNK = 8  # rounds between two looks

# One round: what happens to the guest depends on its number. A build killed halfway leaves a domain without record,
# which is destroyed by the number that the hypervisor's list shows.
SCRIPT = r"""
round() {
	c=demo64.cfg; [ $(($1 % 2)) = 0 ] && c=demo32.cfg
	case $(($1 / 2 % 4)) in
	0) rl create -q $c name=leak memory=16 && rl destroy leak ;;
	1) rl create -q -p $c name=leak memory=16 vcpus=2 && rl destroy leak ;;
	2) rl create -q $c name=leak memory=24 && usleep $(($1 % 7 * 60000)) && rl destroy leak ;;
	3) rl create -q $c name=leak memory=24 & p=$!; usleep $(($1 % 9 * 20000)); kill -9 $p; wait $p
	   for id in $(rl list | sed -n 's/^[^ ]*  *\([1-9][0-9]*\) .*/\1/p'); do rl destroy $id; done; true ;;
	esac
}
"""


def require(condition, text):
    if not condition:
        raise Failure(text)


def settled(m):
    """Free pages, once daemons have let go what they held."""
    seen = -1
    for _ in range(20):
        now = int(re.search(r"free_pages\s*:\s*(\d+)", m.run("sleep 0.3; rl info"))[1])
        if now == seen:
            return now
        seen = now
    return seen


def ports(m):
    m.run("rl dmesg -c > /dev/null; rl debug-keys e")
    text = re.sub(", pending|, masked", "", m.run("rl dmesg"))  # these come and go
    return sorted(line.strip() for line in text.splitlines() if "ort" in line or re.search(r"\d+: ", line))


def audit(m):
    m.run("rl debug-keys a")
    text = open(LOG, errors="replace").read()
    bad = re.search(r"audit: (wrong|\d+ disc).*|PANIC.*", text)
    require(not bad, bad and text[bad.start():bad.start() + 1000])
    require("audit: " in text, "the auditor was not heard")


def boot(m):
    m.expect(SHELL, 120)
    for line in SCRIPT.strip().splitlines():
        m.send(line + "\n")
    m.run("for n in 0 1 2 3 4 5 6 7; do round $n; done > /dev/null 2>&1; true", 120)  # the tools' own first needs
    audit(m)


def rounds(m, first, before):
    m.run("for n in $(seq %d %d); do round $n || echo failed $n; done > /tmp/log 2>&1; true"
          % (first, first + CHUNK - 1), 300)
    m.run("! grep -A1 failed /tmp/log")
    require("leak" not in m.run("rl list"), "a domain is left")
    audit(m)
    after = settled(m)
    require(after == before, "free pages before %d, after %d (rounds from %d)" % (before, after, first))


def main():
    tap = Tap()
    initrd = "%s ,%s" % (os.path.join(BUILD, "guest/kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio"))
    with Machine(["-m", "320", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-initrd", initrd, "-append", "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"],
                 LOG, limit=300 + 20 * ROUNDS) as m:
        state = {}
        if tap.step("Dom0 boots", lambda: boot(m)):
            tap.step("frames and ports are counted", lambda: state.update(free=settled(m), ports=ports(m)))
            for first in range(0, ROUNDS, CHUNK):
                if not tap.step("rounds %d to %d" % (first + 1, first + CHUNK), lambda f=first: rounds(m, f, state["free"])):
                    break
            tap.step("the ports are those of the beginning", lambda: require(
                ports(m) == state["ports"], "ports before: %s\nports after: %s" % (state["ports"], ports(m))))
    tap.end()


main()
