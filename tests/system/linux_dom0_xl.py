#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Linux as Dom0 and Debian's xl, used as a user would, on Ringlet and on Debian's Xen 4.17: the same lines on both,
and their answers are compared line by line.

    linux_dom0_xl.py short|long|lying [ringlet|xen]      one of them alone: nothing is compared

short: a day with one guest. long: many guests, and what goes wrong; ROUNDS is how many are made and ended (default 100),
MOMENTS after how many seconds of a verb something ends (default 1). lying: a guest that lies to Dom0's back ends, beside one that
works; SEEDS are those of its chance (default 1); the first is told twice, before things are counted and after that.
"""

import hashlib
import json
import os
import re
import resource
import sys

import xl_cores
import xl_long
import xl_lying
import xl_session
import xl_stated
import xl_steps
from machine import BUILD, Tap, require

# Before what is there is counted; after that; after the question whether something was lost.
FIRST = {"short": [], "long": [xl_steps.prepares, xl_long.warms_up], "lying": [xl_lying.prepares, xl_lying.warms_up]}
PARTS = {
    "short": [xl_steps.looks, xl_steps.prepares, xl_steps.creates, xl_steps.works, xl_steps.lives, xl_steps.saves, xl_steps.ends,
              xl_steps.dumps, xl_steps.from_elsewhere, xl_steps.refusals],
    "long": [xl_long.ten_at_once, xl_long.rounds, xl_long.guests_are_destroyed, xl_long.xl_is_killed,
             xl_long.the_store_is_replaced],
    "lying": [xl_lying.another_works, xl_lying.lies, xl_lying.ends_while_it_lies, xl_lying.the_other_is_undisturbed,
              xl_lying.is_refused],
}
LAST = {"short": [xl_cores.is_opened], "long": [xl_long.the_store_dies, xl_long.reboots_under_guests], "lying": []}
LIMIT = {"short": 3600, "long": 20000, "lying": 7200}
MORE = {"short": [], "long": [], "lying": xl_lying.DRIVE}


def reported(s, key, last):
    """What Ringlet says when asked by a debug key; `last` is a pattern of its last line."""
    s.quiet("xl dmesg -c; xl debug-keys " + key)
    s.quiet("await 'xl dmesg | grep -q \"%s\"'" % last)
    return s.quiet("xl dmesg")[0]


def frames(s):
    """Ringlet's auditor is content: the frames that are free, those that guests have, and those of Dom0's handles for mapped
    grants. These stay Dom0's: as many as it once needed at a time, which is chance."""
    report = reported(s, "a", "audit:")
    found = re.search(r"audit: \d+ frames, ok: (\d+) free, (\d+) held", report)
    require(found, report)
    grants = reported(s, "g", "maptrack frames")
    handles = re.search(r"(?m)^.*\bd0: .* (\d+) of \d+ maptrack frames", grants)
    require(handles, grants)
    return int(found[1]), int(found[2]), int(handles[1])


def left(s, form):
    """What must be as before once all guests have gone: Dom0's ports; after the first guests also the memory that is free."""
    found = {"ports": xl_steps.ports(s)}
    if s.host == "ringlet":
        free, held, handles = frames(s)
        print("# %d frames are free, guests have %d, Dom0's handles %d" % (free, held, handles))
        if form != "short":
            found["frames free or of Dom0's handles, and held"] = free + handles, held
    if form == "long":
        found["MiB free"] = s.quiet("xl info free_memory")[0]
    return found


def nothing_lost(s, form, before):
    after = left(s, form)
    for what, was in before.items():
        require(after[what] == was, "%s before: %s\n%s after: %s" % (what, was, what, after[what]))


def seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def do_all(tap, s, parts):
    for part in parts:
        name = "%s: %s" % (s.host, part.__name__.replace("_", " "))
        if not tap.step(name, lambda p=part: p(s)) and not tap.step(name + ": and back", s.recover):
            return False  # the machine is lost
    return True


def run(tap, form, host, web):
    before, start = {}, seconds()
    with xl_session.machine(host, "linux-dom0-" + form, LIMIT[form], restarts=form == "long", more=MORE[form]) as m:
        s = xl_session.Session(m, host, web.url)
        s.page = hashlib.sha256(web.page).hexdigest()
        stages = [
            lambda: tap.step("%s: Dom0 boots" % host, s.boot),
            lambda: do_all(tap, s, FIRST[form]),
            lambda: tap.step("%s: what there is is counted" % host, lambda: before.update(left(s, form))),
            lambda: do_all(tap, s, PARTS[form]),
            lambda: tap.step("%s: Dom0's kernel is content" % host, s.healthy),
            lambda: tap.step("%s: nothing is lost" % host, lambda: nothing_lost(s, form, before)),
            lambda: do_all(tap, s, LAST[form]),
        ]
        all(stage() for stage in stages)
    print("# %s: %d s of processor time" % (host, seconds() - start))
    with open(os.path.join(BUILD, "tests", "linux-dom0-%s-%s.answers" % (form, host)), "w") as f:
        json.dump(s.answers, f, indent=1)
    return s


def main(form, *chosen):
    tap = Tap()
    if form == "lying":
        xl_lying.image()
    with xl_session.Web() as web:
        done = [run(tap, form, host, web) for host in chosen or ["ringlet", "xen"]]
    if len(done) == 2:
        tap.step("the answers are the same on both, but for what is stated", lambda: print(
            "# %d lines of answers are equal, %d differ as stated" %
            xl_session.compare(done[0].answers, done[1].answers, xl_stated.DIFFERENCES[form])))
    tap.end()


if len(sys.argv) < 2 or sys.argv[1] not in PARTS or not set(sys.argv[2:]) <= {"ringlet", "xen"}:
    sys.exit(__doc__)
main(*sys.argv[1:])
