#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Linux as Dom0 and Debian's xl, used as a user would, on Ringlet and on Debian's Xen 4.17: the same lines on both,
and their answers are compared line by line.

    linux_dom0.py [ringlet|xen]      one of them alone: nothing is compared
"""

import hashlib
import json
import os
import re
import resource
import sys

import xl_session
import xl_stated
import xl_steps
from machine import BUILD, Tap, require

PARTS = [xl_steps.looks, xl_steps.prepares, xl_steps.creates, xl_steps.works, xl_steps.saves, xl_steps.ends, xl_steps.dumps,
         xl_steps.refusals]
LIMIT = 2400


def audit(s):
    """Ringlet's auditor is content."""
    s.quiet("xl dmesg -c; xl debug-keys a")
    s.quiet("await 'xl dmesg | grep -q audit:'")
    report = s.quiet("xl dmesg")[0]
    require(re.search(r"audit: \d+ frames, ok", report), report)


def left(s):
    """What must be as before once all guests have gone: Dom0's ports."""
    if s.host == "ringlet":
        audit(s)
    return {"ports": xl_steps.ports(s)}


def nothing_lost(s, before):
    after = left(s)
    for what, was in before.items():
        require(after[what] == was, "%s before: %s\n%s after: %s" % (what, was, what, after[what]))


def seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(tap, host, web):
    before, start = {}, seconds()
    with xl_session.machine(host, "linux-dom0", LIMIT) as m:
        s = xl_session.Session(m, host, web.url)
        s.page = hashlib.sha256(web.page).hexdigest()
        if tap.step("%s: Dom0 boots" % host, s.boot):
            tap.step("%s: ports are counted" % host, lambda: before.update(left(s)))
            for part in PARTS:
                if not tap.step("%s: %s" % (host, part.__name__), lambda p=part: p(s)):
                    s.recover()
            tap.step("%s: Dom0's kernel is content" % host, s.healthy)
            tap.step("%s: nothing is lost" % host, lambda: nothing_lost(s, before))
    print("# %s: %d s of processor time" % (host, seconds() - start))
    with open(os.path.join(BUILD, "tests", "linux-dom0-%s.answers" % host), "w") as f:
        json.dump(s.answers, f, indent=1)
    return s


def main(*chosen):
    tap = Tap()
    with xl_session.Web() as web:
        done = [run(tap, host, web) for host in chosen or ["ringlet", "xen"]]
    if len(done) == 2:
        tap.step("the answers are the same on both, but for what is stated", lambda: print(
            "# %d lines of answers are equal, %d differ as stated" %
            xl_session.compare(done[0].answers, done[1].answers, xl_stated.DIFFERENCES)))
    tap.end()


main(*sys.argv[1:])
