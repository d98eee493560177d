# SPDX-License-Identifier: MIT
"""A guest that lies to rl-blkd (tests/domu-liar) with all that it knows about disks, beside a guest whose disk is checked meanwhile:
the liar may lose its disk, the other one notices nothing, and nothing of either stays. The steps are done in a machine that
system/disks.py has booted; /host is the folder `share`."""

import os
import re
import shutil

from machine import BUILD, audit, require

CONFIG = '''name = "liar"
kernel = "/host/liar"
memory = 32
disk = ["liar.img,raw,xvda,w"]
'''
LIES = 11  # about disks; it has no cards


def fill(share):
    shutil.copy(os.path.join(BUILD, "tests", "domu-liar.stripped"), os.path.join(share, "liar"))
    with open(os.path.join(share, "liar.cfg"), "w") as f:
        f.write(CONFIG)
    for name in ("liar.img", "work.img"):
        with open(os.path.join(share, name), "w") as f:
            f.truncate(8 << 20)


def told(m, key):
    return m.run("rl store read /local/domain/$(rl domid liar)/data/" + key).strip()


def lies(m):
    """All that it can tell, one after the other; a second one is destroyed while it lies."""
    m.run("rl create -q demo64.cfg name=work 'disk=[\"/host/work.img,raw,xvda,w\"]'; echo 'touch /tmp/go; "
          "(while [ -e /tmp/go ]; do disk check /dev/xvda; done) > /tmp/checks 2>&1 &' > /tmp/keys; rl console work < /tmp/keys > /dev/null; "
          "rl create -q /host/liar.cfg", 120)
    m.run("until [ \"$(rl store read /local/domain/$(rl domid liar)/data/lie 2>/dev/null)\" = 'all told' ]; do usleep 100000; done", 300)
    require(told(m, "told") == str(LIES), "it could tell %s lies of %d" % (told(m, "told"), LIES))
    m.run("rl destroy liar; rl create -q /host/liar.cfg extra=seed=2; until rl store read /local/domain/$(rl domid liar)/data/lie > /dev/null 2>&1; "
          "do usleep 20000; done; sleep 1; rl destroy liar", 120)
    log = m.run("cat /var/log/rl-blkd.log")
    require(re.search(r"domain \d+ \(liar\), disk xvda: the front end says that it has made \d+ requests", log), "rl-blkd did not notice: " + log)


def the_other_is_undisturbed(m):
    m.run("echo 'rm /tmp/go; wait; grep -c are /tmp/checks; grep -vc are /tmp/checks; echo it-is-$((0 + 1))' > /tmp/keys; "
          "rl console work < /tmp/keys > /tmp/said; until grep -q it-is-1 /tmp/said; do sleep 1; rl console work < /dev/null >> /tmp/said; done", 300)
    said = m.run("cat /tmp/said")
    found = re.search(r"(?m)^(\d+)\n0\nit-is-1", said.replace("\r", ""))
    require(found and int(found[1]) > 0, "its checks: " + said)
    m.run("id=$(rl domid work); rl destroy work; while rl store list backend/qdisk/$id > /dev/null 2>&1; do usleep 20000; done")
    audit(m)


def steps(tap, m):
    tap.step("a guest lies to rl-blkd", lambda: lies(m))
    tap.step("the other guest's disk is what it was", lambda: the_other_is_undisturbed(m))
