#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dom0's daemons are killed, at rest and at random moments by seed, while guests run and scripts make and end domains.
rl-keeper starts them again and they go on where they were: names, watches and what is under way in rings are kept, no line of
a console is lost or comes twice, no command fails, and in the end nothing is left. The keeper itself is killed, too, and init
starts another one. Where nothing could be kept, the store starts empty, says so, and knows the domains again.

Environment: SEED (1), KILLS (default 30), ROUNDS (default 6) of the loop beside them, BITS (64 or 32) of Dom0.
"""

import os
import re

from machine import BUILD, Machine, Tap, require
from main_job import SHELL, Console, free_pages, rows

SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "30"))
ROUNDS = int(os.environ.get("ROUNDS", "6"))
DAEMONS = ("rl-stored", "rl-consoled", "rl-domd")
MEANT = re.compile(r"rl-keeper: \S+ (ended \(signal 9\)|\(process \d+\) has lost its keeper)")  # what a kill leaves in the logs

# A linear congruential generator in the shell: which daemon, and how many microseconds to wait.
KILLER = ("(s=%d; n=0; while [ $n -lt %d ]; do s=$(((s * 1103515245 + 12345) %% 2147483648)); "
          "case $((s / 65536 %% 7)) in (0 | 1) d=rl-stored ;; (2 | 3) d=rl-consoled ;; (4 | 5) d=rl-domd ;; (6) d=rl-keeper ;; esac; "
          "usleep $((s / 256 %% 300000)); killall -9 $d 2> /dev/null; n=$((n + 1)); done; touch /tmp/killed) & true")
LAST = ("run=store,write,data/here,1;until,store,read,data/go,2>/dev/null;do,usleep,50000;done;"
        "echo,the,last,line;store,write,data/done,1")
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
    # While a console is open: the guest asks for it, and waits until it is done.
    home = "/local/domain/" + run(m, "rl domid quiet").strip()
    run(m, "(until rl store read %s/data/kill > /dev/null 2>&1; do usleep 50000; done; kill -9 $(pidof rl-consoled); "
        "rl store write %s/data/killed 1) & true" % (home, home))
    with Console(m, "quiet"):
        run(m, "store write data/kill 1; until store read data/killed > /dev/null 2>&1; do usleep 50000; done")
        require("quiet" == run(m, "store read name").strip(), "its console does not answer")


def a_console_comes_late(m):
    """rl-consoled is busy, here stopped, while a domain is made: `rl console` waits until it is there."""
    run(m, "echo 'echo It is $((6 * 7)).' > /tmp/keys; kill -STOP $(pidof rl-consoled); rl create -q demo64.cfg name=late & until rl domid late > /dev/null 2>&1; do usleep 50000; done")
    run(m, "(rl console late < /tmp/keys > /tmp/said 2>&1; echo \"exit status $?\" >> /tmp/said) & until ps | grep -q '[r]l console late'; do usleep 50000; done")
    said = run(m, "usleep 500000; kill -CONT $(pidof rl-consoled); until grep -q 'exit status' /tmp/said; do usleep 50000; done; cat /tmp/said", 120)
    require("exit status 0" in said, "rl console did not wait: " + said)
    run(m, "until rl console late < /tmp/keys | grep -q '^It is 42'; do :; done; rl destroy late", 120)


def the_end_of_a_console(m):
    """What a guest wrote last is kept, although rl-consoled is killed between being told of the end and doing it."""
    run(m, "rl create -q demo64.cfg name=last 'extra=%s'" % LAST)
    home = "/local/domain/" + run(m, "rl domid last").strip()
    run(m, "until rl store read %s/data/here > /dev/null 2>&1; do usleep 50000; done; kill -STOP $(pidof rl-consoled)" % home)
    run(m, "rl store write %s/data/go 1; until rl store read %s/data/done > /dev/null 2>&1; do usleep 50000; done" % (home, home))
    run(m, "rl destroy last & until [ -e /run/rl/domains/%s/ending ]; do usleep 1000; done; usleep 100000" % home.split("/")[-1])
    run(m, "kill -9 $(pidof rl-consoled); wait $!")
    require("the last line" in run(m, "rl console -l last"), "its last line is lost")


def lines_are_whole(m):
    """The log holds the last lines: each follows the one before."""
    run(m, "rl console -l talker > /tmp/lines")
    # The guest's shell writes its prompt before one of them.
    bad = run(m, "sed -n 's/.*line \\([0-9][0-9]*\\).*/\\1/p' /tmp/lines | awk 'NR > 1 && $1 != last + 1 {print last, $1} {last = $1}'")
    require(not bad.strip(), "lines lost or twice, after and before: " + bad)
    require(int(run(m, "grep -c 'line [0-9]' /tmp/lines")) > 20, "it hardly spoke")


def domd_goes_on(m):
    """What ends while it is not there, and what ends later."""
    run(m, "rl create -q demo64.cfg name=first extra=run=poweroff; rl create -q demo64.cfg name=second")
    kill(m, "rl-domd")
    run(m, "until ! rl domid first > /dev/null 2>&1; do usleep 50000; done", 120)
    before = run(m, "rl domid second").strip()
    run(m, "until [ \"$(rl store read /local/domain/%s/control/feature-reboot)\" = 1 ]; do usleep 50000; done; sleep 1" % before)
    kill(m, "rl-stored")
    run(m, "rl reboot -w second; until [ -z \"$(ls /run/rl/jobs)\" ]; do usleep 50000; done", 120)
    require(run(m, "rl domid second").strip() != before, "it was not restarted")
    run(m, "rl destroy second")


def a_restart_goes_on(m):
    """rl-domd is killed while its rl makes a domain again."""
    run(m, "rl create -q demo64.cfg name=twice")
    before = run(m, "rl domid twice").strip()
    run(m, "until [ \"$(rl store read /local/domain/%s/control/feature-reboot)\" = 1 ]; do usleep 50000; done; sleep 1" % before)
    run(m, "(until ps | grep -q '[r]l create -q --restart' || [ \"$(rl domid twice 2> /dev/null)\" != %s ]; do :; done; "
        "killall -9 rl-domd) & rl reboot twice; wait $!" % before, 120)
    run(m, "until [ \"$(rl domid twice 2> /dev/null)\" != %s ] && [ -z \"$(ls /run/rl/jobs)\" ]; do usleep 50000; done" % before)
    require(run(m, "rl domid twice").strip() != before, "it was not restarted")
    run(m, "rl destroy twice")


def a_restart_begins_again(m):
    """Both rl-domd and the rl that makes the domain anew are killed, the second while it waits for its kernel, a FIFO."""
    run(m, "cp /boot/kernel-pv64.elf /tmp/kernel; rl create -q demo64.cfg name=again kernel=/tmp/kernel")
    before = run(m, "rl domid again").strip()
    run(m, "until [ \"$(rl store read /local/domain/%s/control/feature-reboot)\" = 1 ]; do usleep 50000; done; sleep 1" % before)
    run(m, "mv /tmp/kernel /tmp/kept; mkfifo /tmp/kernel; rl reboot again; "
        "until ps | grep -q '[r]l create -q --restart'; do usleep 50000; done", 120)
    run(m, "rm /tmp/kernel; mv /tmp/kept /tmp/kernel; killall -9 rl-domd rl")
    run(m, "until now=$(rl domid again 2> /dev/null) && [ $now != %s ] && [ -z \"$(ls /run/rl/jobs)\" ]; do usleep 50000; done" % before, 120)
    run(m, "rl destroy again; rm /tmp/kernel")


def the_keeper_goes_on(m):
    """It ends, and init has another; all end at once."""
    for victims in ("rl-keeper", "rl-keeper rl-stored rl-consoled rl-domd"):
        old = pid(m, "rl-stored")
        run(m, "killall -9 %s; until [ \"$(pidof rl-stored)\" ] && [ \"$(pidof rl-stored)\" != %s ]; do usleep 50000; done" % (victims, old))
        require("quiet" in rows(m), "names are lost: %s" % rows(m))
        kill(m, "rl-stored")
        with Console(m, "quiet"):
            require("quiet" == run(m, "store read name").strip(), "its store does not answer")
    said = run(m, "rl-keeper 2>&1", code=1)
    require("it runs already" in said, "a second keeper: %r" % said)


def all_the_time(m):
    run(m, KILLER % (SEED, KILLS))
    said = run(m, "i=0; while [ $i -lt %d ] || [ ! -e /tmp/killed ]; do "
        "rl create -q demo64.cfg name=round || echo failed create $i; "
        "rl domid round > /dev/null || echo failed domid $i; "
        "rl create -q demo64.cfg name=round memory=16 2> /dev/null && echo failed second $i; "
        "rl rename round other || echo failed rename $i; "
        "rl destroy other || echo failed destroy $i; "
        "rl create -q --wait demo32.cfg name=round extra=run=poweroff || echo failed wait $i; "
        "i=$((i+1)); done" % ROUNDS, 600 + 10 * KILLS)
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
        strange = [line for line in log.splitlines() if line and not MEANT.match(line)]
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


def no_loop(m):
    """One that cannot be started: again and again, but ever more slowly."""
    run(m, "mv /usr/sbin/rl-domd /usr/sbin/away; killall -9 rl-domd; until grep -q 'again in 400 ms' /var/log/rl-domd.log; do usleep 50000; done")
    run(m, "mv /usr/sbin/away /usr/sbin/rl-domd; until [ \"$(pidof rl-domd)\" ]; do usleep 50000; done")
    waits = [int(ms) for ms in re.findall(r"exit code 127\); it is started again in (\d+) ms", run(m, "cat /var/log/rl-domd.log"))]
    require(len(waits) < 20, "it waited %s ms" % waits)


def a_store_that_hangs(m):
    """It starts and never answers: it is killed, and the next one goes on with what there was."""
    run(m, "rl create -q demo32.cfg name=first; cd /usr/sbin; mv rl-stored away; "
        "printf '#!/bin/sh\\nmv /usr/sbin/away /usr/sbin/rl-stored\\nexec sleep 100000\\n' > hangs; chmod 755 hangs; mv hangs rl-stored; "
        "cd; kill -9 $(pidof rl-stored); until grep -q 'has not answered' /var/log/rl-stored.log; do usleep 50000; done", 200)
    require("first" in rows(m), "names are lost: %s" % rows(m))
    run(m, "rl destroy first; rm /var/log/rl-stored.log")


def knows_again(m, why):
    """The store has started empty and said so: it knows the domains, and guests go on with it."""
    run(m, "until rl list | grep -q 'two words' && rl list | grep -q first; do usleep 50000; done")
    require("Domain-0" in rows(m), "Dom0 has no name: %s" % rows(m))
    run(m, "id=$(rl domid first); until [ \"$(rl store read /local/domain/$id/control/feature-reboot)\" = 1 ]; do usleep 50000; done")
    with Console(m, "first"):
        require("first" == run(m, "store read name").strip(), "its store does not answer")
    require("the store had lost it" in run(m, "cat /var/log/rl-domd.log"), why)


def begins_anew(m):
    """The state makes no sense: in its first byte, and in the middle of the notes."""
    run(m, "rl create -q demo32.cfg name=first extra=quiet; rl create -q demo64.cfg name=second; rl rename second 'two words'")
    run(m, "(rl store watch -n 3 /there > /tmp/watch) & until [ -s /tmp/watch ]; do usleep 50000; done")
    for spoil in ("echo nonsense > state", "for i in 1 2 3 4; do rl store write /much $i; done; for f in log.*; do printf '\\377' | dd of=$f bs=1 seek=9 conv=notrunc; done"):
        run(m, "rm -f /var/log/rl-domd.log; cd /run/rl/store; %s; cd; kill -9 $(pidof rl-stored)" % spoil)
        knows_again(m, spoil)
        require(run(m, "cat /var/log/rl-stored.log").count("is damaged; the store starts empty") == 1, "it does not say so")
        run(m, "rm -f /var/log/rl-stored.log")
    run(m, "rl store write /there x; until [ $(wc -l < /tmp/watch) = 3 ]; do usleep 50000; done")  # Dom0's watches stand again
    run(m, "rl shutdown -w 'two words'", 120)


def no_room(m):
    """Nothing can be kept: the store says so and goes on; what it had kept before no longer counts."""
    run(m, "mount -t tmpfs -o size=64k tmpfs /run/rl/store; kill -9 $(pidof rl-stored); rl create -q demo64.cfg name='two words'")
    knows_again(m, "it found a state")
    run(m, "dd if=/dev/zero of=/run/rl/store/fill bs=1k count=64 2> /dev/null", code=None)
    run(m, "until grep -q 'cannot write /run/rl/store' /var/log/rl-stored.log; do rl store write /full 1; done; rm /var/log/rl-domd.log")
    run(m, "rl store write /full 2; kill -9 $(pidof rl-stored)")
    knows_again(m, "it found a state")
    run(m, "rm /run/rl/store/fill; until [ -s /run/rl/store/state ]; do rl store ls / > /dev/null; done", 120)
    run(m, "rl store write /full 3; kill -9 $(pidof rl-stored)")
    require(run(m, "rl store read /full").strip() == "3", "it is not kept again")
    run(m, "rl destroy first; rl destroy 'two words'")
    require(list(rows(m)) == ["Domain-0"], "domains are left: %s" % rows(m))


def quiet_kernels(m):
    with open(m.log.name, encoding="utf-8", errors="replace") as log:
        require("it has lost what it knew" not in log.read(), "a kernel with `quiet` speaks on its console")


def main():
    tap = Tap()
    dom0 = {"64": ("guest/kernel-pv64.elf", "dom0.cpio"), "32": ("guest/kernel-pv32.elf", "dom0-32.cpio")}
    # Kernels have a word to say when the store starts empty, which would come between a prompt and its end.
    initrd = " quiet,".join(os.path.join(BUILD, file) for file in dom0[os.environ.get("BITS", "64")])
    with Machine(["-m", "320", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-initrd", initrd, "-append", "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"],
                 os.path.join(BUILD, "tests", "daemons.log"), limit=800 + 10 * KILLS) as m:
        state = {}

        def start():
            m.expect(SHELL, 120)
            state["free"] = free_pages(m)

        if tap.step("Dom0 boots", start) and tap.step("guests run and watch", lambda: boot(m)):
            tap.step("the store is killed and goes on", lambda: store_goes_on(m))
            tap.step("consoles go on", lambda: consoles_go_on(m))
            tap.step("a console that comes late is awaited", lambda: a_console_comes_late(m))
            tap.step("the last lines are kept", lambda: the_end_of_a_console(m))
            tap.step("ends are seen after rl-domd was killed", lambda: domd_goes_on(m))
            tap.step("a restart goes on", lambda: a_restart_goes_on(m))
            tap.step("a restart begins again", lambda: a_restart_begins_again(m))
            tap.step("rl-keeper is killed, and all at once", lambda: the_keeper_goes_on(m))
            tap.step("%d kills at random moments (seed %d)" % (KILLS, SEED), lambda: all_the_time(m))
            tap.step("no line of a console is lost, and nothing is left", lambda: nothing_left(m, state["free"]))
            tap.step("memory is as before", lambda: memory_is_back(m, state["free"]))
            tap.step("logs have a bound", lambda: logs_are_bounded(m))
            tap.step("what cannot be started is not tried in a loop", lambda: no_loop(m))
            tap.step("a store that hangs", lambda: a_store_that_hangs(m))
            tap.step("a state that makes no sense", lambda: begins_anew(m))
            tap.step("no room for the state", lambda: no_room(m))
            tap.step("nor has that lost memory", lambda: memory_is_back(m, state["free"]))
            tap.step("kernels that are to be quiet are", lambda: quiet_kernels(m))
    tap.end()


main()
