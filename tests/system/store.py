#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The store, on the real thing: Dom0 and guests of both kinds read and write it, watches fire in both directions, a
guest cannot see another's nodes or hold the store up, `rl shutdown`, `reboot` and `rename` work through it, and
when the domains are gone nothing of them is left.
"""

import os
import time

from machine import BUILD, Failure, Machine, Tap
from main_job import Console, SHELL, free_pages, require, rows

GUESTS = ("demo64", "demo32")


def boot(m):
    m.expect(SHELL, 180)
    require(m.run("rl store read /local/domain/0/name").strip() == "Domain-0", "Dom0 has no name in the store")


def read(m, path, command="rl store"):
    return m.run("%s read %s" % (command, path)).strip()


def domid(m, name):
    return int(m.run("rl domid " + name))


def create(m):
    for name in GUESTS:
        m.run("rl create %s.cfg" % name)
        home = "/local/domain/%d/" % domid(m, name)
        require(read(m, home + "name") == name, "%s has another name in the store" % name)
        require(read(m, home + "memory/target") == "32768", "its memory is not there")
        vm = read(m, home + "vm")
        require(read(m, vm + "/uuid") == vm[len("/vm/"):], "its uuid is not there")
        require(m.run("rl store list-perms %scontrol/shutdown" % home).strip() == "n%d" % domid(m, name),
                "the guest cannot answer in control/shutdown")


def configured(m):
    """Settings that are seen in the store: a name with blanks, a uuid of its own, vCPUs that wait."""
    uuid = "c0ffee00-0102-0304-0506-0708090a0b0c"
    m.run("rl create -q -p -f demo64.cfg name='two words' uuid=%s vcpus=1 maxvcpus=3" % uuid)
    home = "/local/domain/%d/" % domid(m, "'two words'")
    require(read(m, home + "name") == "two words", "its name is not the one given")
    require(read(m, home + "vm") == "/vm/" + uuid and read(m, "/vm/%s/uuid" % uuid) == uuid, "its uuid is not the one given")
    require([read(m, home + "cpu/%d/availability" % v) for v in range(3)] == ["online", "offline", "offline"],
            "not one vCPU of three is online")
    said = m.run("rl create -q -p demo64.cfg name=other uuid=%s 2>&1" % uuid, code=1)
    require("its uuid belongs to domain" in said, "a second domain of the uuid: %r" % said)
    m.run("rl destroy 'two words'")


def seen_from_guests(m):
    ids = {name: domid(m, name) for name in GUESTS}
    for name in GUESTS:
        with Console(m, name):
            require(read(m, "name", "store") == name, "%s does not see its name" % name)
            require(read(m, "/local/domain/%d/domid" % ids[name], "store") == str(ids[name]), "%s sees another id" % name)
            m.run("store write data/hello from-%s" % name)
    for name in GUESTS:
        require(read(m, "/local/domain/%d/data/hello" % ids[name]) == "from-" + name, "Dom0 does not see what %s wrote" % name)


def kept_apart(m):
    other = domid(m, "demo32")
    with Console(m, "demo64"):
        for command in ("read /local/domain/%d/data/hello" % other, "write /local/domain/%d/data/hello x" % other,
                        "write name x", "rm /local/domain/%d" % other, "ls /local/domain/0"):
            require("denied" in m.run("store " + command, code=1), "store %s: not refused" % command)
    m.run("rl store chmod /local/domain/%d/data/hello n%d r%d" % (other, other, domid(m, "demo64")))
    m.run("rl store chmod /local/domain/%d/data n%d r%d" % (other, other, domid(m, "demo64")))
    with Console(m, "demo64"):
        require(read(m, "/local/domain/%d/data/hello" % other, "store") == "from-demo32", "chmod does not open it")


def watches(m):
    for name in GUESTS:
        home = "/local/domain/%d" % domid(m, name)
        m.run("(rl store watch -n 2 %s/data/up > /tmp/watch) & true" % home)
        with Console(m, name):
            m.run("(store watch -n 2 data/down > /tmp/watch) & sleep 1; store write data/up 1; store read data/up")
        m.run("sleep 1; rl store write %s/data/down 1" % home)
        require(m.run("wait; cat /tmp/watch").split() == [home + "/data/up"] * 2, "Dom0's watch did not fire")
        with Console(m, name):
            require(m.run("wait; cat /tmp/watch").split() == ["data/down"] * 2, "%s's watch did not fire" % name)


def greedy(m):
    for name in GUESTS:
        with Console(m, name):
            m.run("for i in 1 2 3; do (while :; do store write data/busy $i; store list data; done) > /dev/null 2>&1 & "
                  "p=\"$p $!\"; done")
    for turn in range(5):
        m.run("rl store write /turn %d" % turn, 20)
        require(read(m, "/turn") == str(turn), "Dom0's write is lost")
    for name in GUESTS:
        with Console(m, name):
            m.run("kill $p")


def rename(m):
    m.run("rl rename demo32 other")
    require("other" in rows(m) and "demo32" not in rows(m), "rl list does not show the new name")
    with Console(m, "other"):
        require(read(m, "name", "store") == "other", "the guest does not see its new name")
    m.run("rl rename other demo64", code=1)
    m.run("rl rename other demo32")


def reboot(m):
    for name in GUESTS:
        before = domid(m, name)
        m.run("rl reboot -w %s" % name)
        for _ in range(60):
            if name in rows(m) and rows(m)[name][0] != before:
                break
            time.sleep(0.5)
        require(rows(m)[name][0] != before, "%s did not come again" % name)
        m.run("rl store read /local/domain/%d/name" % before, code=1)


def shutdown(m):
    for name in GUESTS:
        for _ in range(60):
            if m.run("rl store read /local/domain/%d/control/feature-poweroff" % domid(m, name)).strip() == "1":
                break
        m.run("rl shutdown -w " + name)
    for _ in range(60):
        if list(rows(m)) == ["Domain-0"]:
            return
        time.sleep(0.5)
    raise Failure("still there: %s" % rows(m))


def crash(m):
    m.run("rl create --wait crash.cfg", 120, code=3)


def nothing_left(m, at_start):
    require(m.run("rl store list /local/domain").split() == ["0"], "homes are left")
    require(m.run("rl store ls /vm").strip() == "", "something is left in /vm")
    require(free_pages(m) == at_start, "frames are lost")
    require(not m.run("cat /var/log/rl-stored.log").strip(), "the daemon complained")


def main():
    tap = Tap()
    with Machine(["-m", "512", "-smp", "2", "-cpu", "max", "-cdrom", os.path.join(BUILD, "ringlet.iso")],
                 os.path.join(BUILD, "tests", "store.log"), limit=600) as m:
        if tap.step("Dom0's shell, and the store answers", lambda: boot(m)):
            start = free_pages(m)
            tap.step("rl create writes a domain's home", lambda: create(m))
            tap.step("a name with blanks, a uuid, vCPUs that wait", lambda: configured(m))
            tap.step("guests of both kinds read and write", lambda: seen_from_guests(m))
            tap.step("what is not a guest's own is refused", lambda: kept_apart(m))
            tap.step("watches fire in Dom0 and in guests", lambda: watches(m))
            tap.step("busy guests do not hold the store up", lambda: greedy(m))
            tap.step("rl rename", lambda: rename(m))
            tap.step("rl reboot brings them back", lambda: reboot(m))
            tap.step("rl shutdown ends them", lambda: shutdown(m))
            tap.step("a crashed guest is noticed", lambda: crash(m))
            tap.step("nothing is left", lambda: nothing_left(m, start))
    tap.end()


if __name__ == "__main__":
    main()
