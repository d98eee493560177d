#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hello guests of docs/hello in C, NASM and Rust: made by `rl create` on Ringlet, and as the machine's first domain on
Ringlet and on Debian's Xen. That `rl` makes them on Xen too is a step of rl_on_xen.py, and `xl` on a Linux Dom0 of linux_dom0_rl.py.

They say their lines by the console's ring; in the first domain, which has none, by the hypervisor's console.
"""

import filecmp
import os
import re

import hosts
from machine import BUILD, Failure, Machine, Tap, audit, require
from main_job import SHELL

GUEST = os.path.join(BUILD, "guest")
NAMES = {"c": "C", "nasm": "NASM", "rust": "Rust"}
HELLO = r"^Hello from %s, a guest of xen-3\.0-x86_64, with %d pages$"
ENDED = r"^\(rl\) domain \d+ has ended: poweroff$"
EVENT = r"^The timer's event came by port [1-9]\d*; goodbye$"
ENDS = {"ringlet": "Dom0 has stopped: poweroff", "xen": "Hardware Dom0 halted"}
NO_RUST = "it was not built: there is no rustc for x86-64 (apt-get install rustc)"


def built():
    """The languages that there are guests in."""
    with open(os.path.join(GUEST, "hello.list"), encoding="utf-8") as file:
        found = re.findall(r"^file /boot/hello-(\w+)\.elf ", file.read(), re.M)
    require({"c", "nasm"} <= set(found) <= set(NAMES), "guests in %s" % found)
    return found


def same_by_xens_headers():
    """hello.c was compiled with our headers, and with those of Debian's libxen-dev."""
    ours, xens = (os.path.join(GUEST, "hello", name) for name in ("c.o", "c-xen.o"))
    require(filecmp.cmp(ours, xens, shallow=False), "%s and %s differ" % (ours, xens))


def created(run, tool, language, *more):
    """By `rl create` or `xl create` in Dom0, with its console shown until it ends; kept in a file meanwhile, as the hypervisor's own
    lines come by the same serial line at any moment. `more`: what is said besides."""
    run("%s create -c /etc/rl/hello-%s.cfg > /tmp/said 2>&1" % (tool, language), 120)
    said = run("cat /tmp/said").replace("\r", "")
    for line in (HELLO % (NAMES[language], 8 * 256), EVENT) + more:
        require(re.search(line, said, re.M), "no %r: %s" % (line, said))
    run("while rl list | grep -q hello; do sleep 0.1; done")


def first(host, language):
    """As the image that the hypervisor starts."""
    image = os.path.join(GUEST, "hello-%s.elf" % language)
    log = os.path.join(BUILD, "tests", "hello-%s-%s.log" % (host, language))
    with Machine(hosts.arguments(host, 256, "dom0_mem=64M", [image]), log, limit=180) as m:
        m.expect(HELLO % (NAMES[language], 64 * 256), 120)
        m.expect(EVENT, 60)
        m.expect(ENDS[host], 60)


def domains(tap, languages):
    modules = [os.path.join(GUEST, "kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio")]
    log = os.path.join(BUILD, "tests", "hello-domains.log")
    with Machine(hosts.arguments("ringlet", 512, "dom0_mem=128M", modules), log, limit=400) as m:
        if tap.step("Dom0 starts", lambda: m.expect(SHELL, 180)):
            for language in languages:
                tap.step("rl creates it in %s" % NAMES[language], lambda l=language: created(m.run, "rl", l, ENDED))
            tap.step("the auditor finds all in order", lambda: audit(m))


def main():
    tap = Tap()
    try:
        languages = built()
    except (OSError, Failure) as why:
        tap.step("the guests are built", lambda: require(False, str(why)))
        tap.end()
    if "rust" not in languages:
        tap.skip("the guest in Rust", NO_RUST)
    tap.step("in C it is the same by Xen's own headers", same_by_xens_headers)
    domains(tap, languages)
    for host in hosts.HOSTS:
        for language in languages:
            tap.step("%s starts it in %s" % (host, NAMES[language]), lambda h=host, l=language: first(h, l))
    tap.end()


if __name__ == "__main__":
    main()
