#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dom0's daemons are killed, at rest and at random moments by seed, while guests run and scripts make and end domains.
rl-keeper starts them again and they go on where they were: names, watches and what is under way in rings are kept, no line of
a console is lost or comes twice, no command fails, and in the end nothing is left.

Environment: SEED (1), KILLS (default 30), ROUNDS (default 6) of the loop beside them.
"""

import os
import re

from machine import BUILD, Machine, Tap, require
from main_job import SHELL, Console, free_pages, rows

SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "30"))
ROUNDS = int(os.environ.get("ROUNDS", "6"))
DAEMONS = ("rl-stored", "rl-consoled", "rl-domd")

# A linear congruential generator in the shell: which daemon, and how many microseconds to wait.
KILLER = ("(s=%d; n=0; while [ $n -lt %d ]; do s=$(((s * 1103515245 + 12345) %% 2147483648)); "
          "case $((s / 65536 %% 3)) in (0) d=rl-stored ;; (1) d=rl-consoled ;; (2) d=rl-domd ;; esac; "
          "usleep $((s / 256 %% 300000)); killall -9 $d 2> /dev/null; n=$((n + 1)); done; touch /tmp/killed) & true")
COUNT = "run=i=0;while,:;do,i=$((i+1));echo,line,$i;usleep,20000;done"


def run(m, command, limit=60, code=0):
    """As m.run(), and the shell asks for more: what is typed before that may be lost when it takes the terminal over."""
    output = m.run(command, limit, code)
    m.expect(SHELL)
    return output


def boot(m):
    run(m, "rl create -q demo64.cfg name=talker 'extra=%s'" % COUNT)
    run(m, "rl create -q demo32.cfg name=quiet")
    with Console(m, "quiet"):
        run(m, "(store watch -n 3 data/here > /tmp/watch) & true")
        run(m, "until [ -s /tmp/watch ]; do usleep 50000; done")
    run(m, "(rl store watch -n 3 /there > /tmp/watch) & true")
    run(m, "until [ -s /tmp/watch ]; do usleep 50000; done")


def pid(m, daemon):
    return run(m, "pidof %s" % daemon).strip()


def kill(m, daemon):
    before = pid(m, daemon)
    require(before, "%s does not run" % daemon)
    run(m, "kill -9 %s; while kill -0 %s 2> /dev/null; do usleep 10000; done" % (before, before))


def store_goes_on(m):
    ids = {name: row[0] for name, row in rows(m).items()}
    for turn in range(2):
        kill(m, "rl-stored")
        require({name: row[0] for name, row in rows(m).items()} == ids, "names are lost: %s" % rows(m))
        require("belongs to domain" in run(m, "rl create -q demo64.cfg name=talker 2>&1", code=1), "a second talker")
        run(m, "rl store write /local/domain/%d/data/here %d; rl store write /there %d" % (ids["quiet"], turn, turn))
    run(m, "wait %2 2> /dev/null; until [ $(wc -l < /tmp/watch) = 3 ]; do usleep 50000; done")
    with Console(m, "quiet"):
        run(m, "until [ $(wc -l < /tmp/watch) = 3 ]; do usleep 50000; done")
        require(run(m, "store read data/here").strip() == "1", "the guest reads another value")
        run(m, "store write data/answer yes")
    require(run(m, "rl store read /local/domain/%d/data/answer" % ids["quiet"]).strip() == "yes", "no answer")


def consoles_go_on(m):
    kill(m, "rl-consoled")
    with Console(m, "quiet"):
        require("quiet" == run(m, "store read name").strip(), "its console does not answer")


def lines_are_whole(m):
    """The log holds the last lines: each follows the one before."""
    run(m, "rl console -l talker > /tmp/lines")
    bad = run(m, "sed -n 's/^line \\([0-9]*\\).*/\\1/p' /tmp/lines | awk 'NR > 1 && $1 != last + 1 {print last, $1} {last = $1}'")
    require(not bad.strip(), "lines lost or twice, after and before: " + bad)
    require(int(run(m, "grep -c '^line' /tmp/lines")) > 20, "it hardly spoke")


def domd_goes_on(m):
    """What ends while it is not there, and what ends later."""
    run(m, "rl create -q demo64.cfg name=first extra=run=poweroff; rl create -q demo64.cfg name=second")
    kill(m, "rl-domd")
    run(m, "until ! rl domid first > /dev/null 2>&1; do usleep 50000; done", 120)
    before = run(m, "rl domid second").strip()
    run(m, "until [ \"$(rl store read /local/domain/%s/control/feature-reboot)\" = 1 ]; do usleep 50000; done; sleep 1" % before)
    kill(m, "rl-stored")
    run(m, "rl reboot -w second", 120)
    require(run(m, "rl domid second").strip() != before, "it was not restarted")
    run(m, "rl destroy second")


def all_the_time(m):
    run(m, KILLER % (SEED, KILLS))
    said = run(m, 
        "i=0; while [ $i -lt %d ] || [ ! -e /tmp/killed ]; do "
        "rl create -q demo64.cfg name=round || echo failed create $i; "
        "rl domid round > /dev/null || echo failed domid $i; "
        "rl create -q demo64.cfg name=round memory=16 2> /dev/null && echo failed second $i; "
        "rl rename round other || echo failed rename $i; "
        "rl destroy other || echo failed destroy $i; "
        "rl create -q --wait demo32.cfg name=round extra=run=poweroff || echo failed wait $i; "
        "i=$((i+1)); done" % ROUNDS, 900)
    said = re.sub(r"^\(ringlet\).*\n", "", said, flags=re.M)
    require("failed" not in said, said)


def nothing_left(m, start):
    lines_are_whole(m)
    run(m, "rl destroy talker; rl destroy quiet")
    require(list(rows(m)) == ["Domain-0"], "domains are left: %s" % rows(m))
    for path, want in (("/local/domain", "0"), ("/rl/name", "Domain-0"), ("/vm", "")):
        require(run(m, "rl store list %s" % path).strip() == want, "left in %s: %s" % (path, run(m, "rl store list " + path)))
    run(m, "until [ -z \"$(ls /run/rl/jobs)\" ]; do usleep 50000; done")
    for daemon in DAEMONS:
        require(len(pid(m, daemon).split()) == 1, "%s: %s" % (daemon, pid(m, daemon)))
        log = run(m, "cat /var/log/%s.log.old /var/log/%s.log 2> /dev/null; true" % (daemon, daemon))
        require("ended (signal 9)" in log, "%s was never killed" % daemon)
        strange = [line for line in log.splitlines() if line and "ended (signal 9)" not in line]
        require(not strange, "%s complained: %s" % (daemon, strange[:8]))


def memory_is_back(m, start):
    now = free_pages(m)
    require(now == start, "free pages at the start %d, now %d" % (start, now))


def logs_are_bounded(m):
    """A daemon that complains without end."""
    run(m, "i=0; while [ $i -lt 3000 ]; do echo nonsense-which-it-does-not-know-$i-and-says-so > /run/rl/consoled.ctl; i=$((i+1)); done", 120)
    run(m, "until grep -q nonsense-which-it-does-not-know-2999 /var/log/rl-consoled.log; do usleep 50000; done")
    size = int(run(m, "cat /var/log/rl-consoled.log* | wc -c"))
    require(size <= 2 * 32 * 1024, "the logs have %d bytes" % size)


def main():
    tap = Tap()
    initrd = "%s ,%s" % (os.path.join(BUILD, "guest/kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio"))
    with Machine(["-m", "320", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-initrd", initrd, "-append", "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"],
                 os.path.join(BUILD, "tests", "daemons.log"), limit=400) as m:
        state = {}

        def start():
            m.expect(SHELL, 120)
            state["free"] = free_pages(m)

        if tap.step("Dom0 boots", start) and tap.step("guests run and watch", lambda: boot(m)):
            tap.step("the store is killed and goes on", lambda: store_goes_on(m))
            tap.step("consoles go on", lambda: consoles_go_on(m))
            tap.step("ends are seen after rl-domd was killed", lambda: domd_goes_on(m))
            tap.step("%d kills at random moments (seed %d)" % (KILLS, SEED), lambda: all_the_time(m))
            tap.step("no line of a console is lost, and nothing is left", lambda: nothing_left(m, state["free"]))
            tap.step("memory is as before", lambda: memory_is_back(m, state["free"]))
            tap.step("logs have a bound", lambda: logs_are_bounded(m))
    tap.end()


main()
