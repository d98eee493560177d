#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ends and starts of domains as scripts see them: when `rl create --wait`, `create -c`, `shutdown -w` or `destroy` has
returned, the next `create` of the same name works; two at once make one domain; a restart keeps the name without a gap;
and `rl list` names everything it shows.

Environment: ROUNDS (default 6) of each loop.
"""

import os
import re

from machine import BUILD, Machine, Tap, require
from main_job import SHELL, free_pages, rows

ROUNDS = int(os.environ.get("ROUNDS", "6"))

# Beside everything else: a shell that looks all the time, and keeps what it should not see.
WATCHER = "(while [ ! -e /tmp/stop ]; do rl list 2>&1 | grep -e null -e 'does not' -e 'cannot' ; done > /tmp/seen; touch /tmp/stopped) & true"


def boot(m):
    m.expect(SHELL, 120)
    m.run(WATCHER)


def loop(m, command, limit=300):
    """ROUNDS of `command`, which says "failed" if it does."""
    said = m.run("i=0; while [ $i -lt %d ]; do %s || echo failed $i; i=$((i+1)); done 2>&1" % (ROUNDS, command), limit)
    require("failed" not in said, said)


def create_waits(m):
    loop(m, "rl create -q --wait demo64.cfg name=w extra=run=poweroff")


def console_ends(m):
    m.run("mkfifo /tmp/keys")  # with a writer, so that it does not end
    loop(m, "rl create -q -c demo32.cfg name=w extra=run=poweroff <> /tmp/keys > /dev/null; "
         "rl create -q -p demo32.cfg name=w && rl destroy w")


def shutdown_waits(m):
    loop(m, "rl create -q demo64.cfg name=q && until [ \"$(rl store read /local/domain/$(rl domid q)/control/feature-poweroff)\" = 1 ]; "
         "do usleep 50000; done && rl shutdown -w q > /dev/null")


def two_at_once(m):
    """Of several that ask for a name at once one gets it, and the others are told which domain has it."""
    for _ in range(ROUNDS):
        said = m.run("p=; for n in 1 2 3; do rl create -q -p demo64.cfg name=twin memory=16 2> /tmp/twin$n & p=\"$p $!\"; done; wait $p; "
                     "rl list | grep -c '^twin '; cat /tmp/twin?; rl destroy twin", 60)
        require(re.search(r"^1$", said, re.M), "not one domain of that name: " + said)
        require(said.count("belongs to domain") == 2, "the others were not told: " + said)


def restart_has_no_gap(m):
    """While it restarts, the name always belongs to a domain."""
    m.run("rl create -q demo64.cfg name=again extra=run=sleep,2; rl domid again > /tmp/first")
    m.run("(while [ ! -e /tmp/enough ]; do rl domid again 2>&1; done > /tmp/ids) & true")
    m.run("until [ \"$(rl store read /local/domain/$(rl domid again)/control/feature-reboot)\" = 1 ]; do usleep 50000; done; sleep 1; "
          "rl reboot -w again; until [ \"$(rl domid again)\" != \"$(cat /tmp/first)\" ]; do usleep 50000; done", 120)
    ids = m.run("touch /tmp/enough; usleep 300000; sort /tmp/ids | uniq -c")
    require(len(re.findall(r"^ +\d+ \d+$", ids, re.M)) == len(ids.split("\n")) - 1 == 2, "not the two ids, and nothing else: " + ids)
    m.run("rl create -q demo64.cfg name=again", code=1)
    m.run("rl destroy again")


def asks_all(m):
    """A guest that does not announce that it listens is asked, too; and waiting says for what, and has an end."""
    m.run("rl create -q -p demo64.cfg name=deaf")
    said = m.run("rl shutdown --timeout=1 deaf 2>&1", code=8)
    for part in ("Waiting for domain", "deaf", "feature-poweroff", "has not ended within 1 seconds"):
        require(part in said, "not said: %s in %s" % (part, said))
    require("poweroff" in m.run("rl store read /local/domain/$(rl domid deaf)/control/shutdown"), "it was not asked")
    m.run("rl unpause deaf; rl shutdown --timeout=0 deaf", code=2)
    m.run("until rl list deaf > /dev/null 2>&1; [ $? != 0 ]; do usleep 50000; done")  # it reads the request when it starts


def terminal(m):
    """Whatever ends `rl console`, the terminal is as it was."""
    m.run("stty -g > /tmp/before; rl create -q demo64.cfg name=noisy 'extra=run=while,:;do,date;usleep,100000;done'")
    for end in ("rl console noisy | head -n 1",) + tuple(
            "(usleep 700000; killall -%s rl) & rl console noisy > /dev/null" % s for s in ("QUIT", "HUP", "TERM", "USR1")):
        m.run("%s; wait $!; stty -g > /tmp/after; stty $(cat /tmp/before); cmp /tmp/before /tmp/after" % end)
    m.run("rl destroy noisy")


def nothing_seen(m):
    seen = m.run("touch /tmp/stop; until [ -e /tmp/stopped ]; do usleep 50000; done; sort /tmp/seen | uniq -c")
    require(not seen.strip(), "rl list showed: " + seen)


def main():
    tap = Tap()
    initrd = "%s ,%s" % (os.path.join(BUILD, "guest/kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio"))
    with Machine(["-m", "320", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-initrd", initrd, "-append", "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"],
                 os.path.join(BUILD, "tests", "ends.log"), limit=900) as m:
        if tap.step("Dom0 boots", lambda: boot(m)):
            start = free_pages(m)
            tap.step("create --wait returns when the name is free", lambda: create_waits(m))
            tap.step("create -c does", lambda: console_ends(m))
            tap.step("shutdown -w does", lambda: shutdown_waits(m))
            tap.step("a name goes to one of those who ask at once", lambda: two_at_once(m))
            tap.step("a restart keeps the name", lambda: restart_has_no_gap(m))
            tap.step("shutdown asks those who do not say that they listen", lambda: asks_all(m))
            tap.step("rl list names what it shows", lambda: nothing_seen(m))
            tap.step("rl console leaves the terminal as it was", lambda: terminal(m))
            tap.step("memory is as before", lambda: require(
                list(rows(m)) == ["Domain-0"] and free_pages(m) == start, "%s, %d pages of %d" % (rows(m), free_pages(m), start)))
    tap.end()


main()
