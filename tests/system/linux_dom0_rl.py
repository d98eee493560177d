#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`rl` on Debian's Linux as Dom0:  linux_dom0_rl.py beside|instead [ringlet|xen]

beside: Debian's xenstored and xenconsoled run. What rl makes, xl shows, talks with and ends, and the other way round; rl reads the
packed kernel that xl reads; rl's domains restart by rl-domd.
instead: Ringlet's daemons run. Debian's tools ask them; what xl ends leaves nothing with them.
"""

import os
import re
import sys

import hosts
from machine import BUILD, Machine, Tap, require

OUT = os.path.join(BUILD, "linux-dom0")
PROMPT = r"dom0# (\x1b\[6n)?$"
WORDS = {"beside": "quiet-network", "instead": "quiet-network daemons=rl"}


def run(m, command, limit=120, code=0):
    output = m.run(command, limit, code)
    m.expect(PROMPT)
    return output


def domains(m, tool):
    """{name: state} by `xl list` or `rl list`."""
    return dict(re.findall(r"^(\S+) +\d+ +\d+ +\d+\s+(\S+)", run(m, tool + " list"), re.M))


def same(m, *names):
    """Both tools show these domains beside Domain-0, and no other: what ended a moment ago may still be there."""
    wanted = " ".join(sorted(names + ("Domain-0",)))
    for tool in ("xl", "rl"):
        run(m, "until [ \"$(%s list | tail -n +2 | cut -d' ' -f1 | sort | xargs)\" = '%s' ]; do sleep 0.2; done" % (tool, wanted), 200)


def answers(m, name):
    """Its shell, through `rl console`. The guest may still be starting: what is typed waits in its console."""
    run(m, "echo 'echo It is $((6 * 7)).' > /tmp/keys; rl console %s < /tmp/keys > /tmp/said" % name)
    run(m, "until grep -q '^It is 42' /tmp/said; do rl console %s < /tmp/keys > /tmp/said; done" % name, 300)


def boot(m, mode):
    m.expect("is Dom0 after", 500)
    m.expect(PROMPT, 120)
    for daemon in ("xenstored", "xenconsoled") if mode == "beside" else ("rl-stored", "rl-consoled", "rl-keeper"):
        run(m, "grep -qx %s /proc/[0-9]*/comm" % daemon)
    run(m, "grep -qx rl-domd /proc/[0-9]*/comm")
    same(m)


def made_by_rl(m):
    said = run(m, "rl create -q /etc/rl/demo64.cfg 2>&1")
    require("warning" not in said, "rl create is not content: " + said)
    same(m, "demo64")
    answers(m, "demo64")
    require(run(m, "xl domid demo64") == run(m, "rl domid demo64"), "xl and rl name different domains")
    run(m, "xl pause demo64")
    require("p" in domains(m, "rl")["demo64"], "it is not paused")
    run(m, "rl unpause demo64")
    run(m, "xl destroy demo64")
    same(m)


def made_by_xl(m):
    run(m, "xl create -q /etc/xen/demo64.cfg")
    same(m, "demo64")
    answers(m, "demo64")
    require(re.search(r"^demo64 +\d+ +0 ", run(m, "rl vcpu-list"), re.M), "rl vcpu-list does not show it")
    require("belongs to domain" in run(m, "rl create -q /etc/rl/demo64.cfg 2>&1", code=1), "rl makes a second one of that name")
    run(m, "rl destroy demo64")
    same(m)


def packed_kernel(m):
    run(m, "grep -v '^vif' /etc/xen/linux.cfg > /tmp/linux.cfg; rl create -q /tmp/linux.cfg")
    same(m, "linux")
    answers(m, "linux")
    run(m, "rl shutdown -w linux", 300)
    same(m)


def restarts(m):
    run(m, "rl create -q /etc/rl/demo64.cfg")
    for tool in ("rl", "xl"):
        before = run(m, "rl domid demo64").strip()
        answers(m, "demo64")
        run(m, "%s reboot demo64; until [ \"$(rl domid demo64 2> /dev/null || echo %s)\" != %s ]; do sleep 0.2; done" % (tool, before, before))
        same(m, "demo64")
    run(m, "rl destroy demo64")
    same(m)


def store_is_rls(m):
    require("Domain-0" in run(m, "xenstore-read /local/domain/0/name"), "xenstore-read does not reach rl-stored")
    run(m, "xenstore-write /there yes")
    require(run(m, "rl store read /there").strip() == "yes", "rl does not see what xenstore-write wrote")
    require("there = \"yes\"" in run(m, "xenstore-ls"), "xenstore-ls does not show it")
    require(re.search(r"^nr_cpus +: 2$", run(m, "xl info"), re.M), "xl info does not work")


def shuts_down(m):
    run(m, "rl create -q /etc/rl/demo64.cfg")
    answers(m, "demo64")
    require("It is 42." in run(m, "rl console -l demo64"), "rl-consoled did not keep what it said")
    run(m, "rl shutdown -w demo64", 200)
    same(m)


def quiet(m, host):
    """No kernel complains, and no frame is lost."""
    said = re.findall(r"^\[ *[\d.]+\] +(?:BUG|WARNING|Call Trace).*", run(m, "dmesg"), re.M)
    require(not said, "Dom0's kernel complains: %s" % said[:3])
    if host == "ringlet":
        run(m, "xl dmesg -c > /dev/null; xl debug-keys a; until xl dmesg > /tmp/log; grep -q 'audit:' /tmp/log; do sleep 0.2; done")
        require(re.search(r"audit: \d+ frames, ok", run(m, "cat /tmp/log")), "the auditor: " + run(m, "cat /tmp/log"))


STEPS = {
    "beside": [("what rl makes, xl shows and ends", made_by_rl), ("what xl makes, rl shows and ends", made_by_xl),
               ("rl reads Debian's packed kernel", packed_kernel), ("what rl makes restarts", restarts)],
    "instead": [("Debian's tools ask rl-stored", store_is_rls), ("what rl makes, xl shows and ends", made_by_rl),
                ("rl shuts a domain down", shuts_down)],
}


def main(mode, host="ringlet"):
    tap = Tap()
    modules = [os.path.join(BUILD, "guests", "vmlinux") + " console=hvc0 " + WORDS[mode], os.path.join(OUT, "dom0.cpio")]
    with Machine(hosts.arguments(host, 1600, "dom0_mem=900M dom0_max_vcpus=2", modules),
                 os.path.join(BUILD, "tests", "linux-dom0-rl-%s-%s.log" % (mode, host)), limit=1700) as m:
        steps = [("Linux is Dom0, with the daemons that were asked for", lambda m: boot(m, mode))] + STEPS[mode]
        steps.append(("nobody complains, and nothing is lost", lambda m: quiet(m, host)))
        for name, step in steps:
            if not tap.step(name, lambda step=step: step(m)):
                break  # the next ones find what this one has left
    tap.end()


if len(sys.argv) not in (2, 3) or sys.argv[1] not in STEPS:
    sys.exit(__doc__)
main(*sys.argv[1:])
