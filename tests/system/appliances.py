# SPDX-License-Identifier: MIT
"""Appliances (docs/appliances.md), of Debian's Linux and of the teaching kernel: they start by their names, what their guests write stays
from run to run, and a damaged, truncated or too new file is refused in one sentence, with nothing left. The steps are done in a
machine that system/disks.py has booted: its Dom0's prompt is there, and /host is the folder `share`."""

import os
import re
import shutil

from machine import BUILD, audit, require

DOM0 = r"[#$] (\x1b\[6n)?$"
WEB = r"web# (\x1b\[6n)?$"


def fill(share):
    for name in ("ringlet", "web"):
        shutil.copy(os.path.join(BUILD, "appliances", name + ".rla"), share)
    with open(os.path.join(share, "ringlet.rla"), "rb") as f:
        whole = f.read()
    for name, text in (("damaged", whole[:100000] + bytes([whole[100000] ^ 4]) + whole[100001:]), ("short", whole[:2000000]),
                       ("new", whole.replace(b"appliance, format 1", b"appliance, format 2", 1))):
        with open(os.path.join(share, name + ".rla"), "wb") as f:
            f.write(text)


def refused(m):
    for name, said in (("damaged", r'damaged\.rla: its part "kernel" is damaged'), ("short", r'short\.rla ends within its part "\w+"'),
                       ("new", r"new\.rla is too new: its manifest has format 2"), ("vmlinuz", "vmlinuz is no appliance"),
                       ("nothing", 'no appliance "nothing" here, nor one of that name')):
        text = m.run("cd /; rl run %s" % name, code=1)
        require(re.search(said, text) and len(text.strip().splitlines()) == 1, "%s: %s" % (name, text))
    left = m.run("rl list | wc -l; ls /var/lib/rl/appliances").split()
    require(left == ["2"], "something is left: %s" % left)
    require({"web", "ringlet"} <= set(m.run("rl complete run ''").split()), "names are not completed")


def in_web(m, command):
    said = m.run(command, 60)
    m.expect(WEB)
    return said


def visits(m, *numbers):
    """The service answers in its guest, where the network ends."""
    m.expect(r"httpd serves /www", 240)
    m.expect(WEB)
    for number in numbers:
        said = in_web(m, "wget -qO- http://127.0.0.1/cgi-bin/visits")
        require(said.strip() == "visit %d" % number, said)


def to_dom0(m):
    m.send("\x1d")
    m.expect(DOM0)


def serves(m):
    """What it writes stays, when it is shut down and when it is destroyed."""
    m.send("rl run -c web\n")
    visits(m, 1, 2)
    require("A domain with a disk serves this page" in in_web(m, "wget -qO- http://127.0.0.1/"), "another page")
    to_dom0(m)
    text = m.run("rl run web", code=1)
    require("\"web\"" in text and len(text.strip().splitlines()) == 1, text)
    m.run("rl shutdown -w web", 120)
    m.send("rl run -c web\n")
    visits(m, 3)
    to_dom0(m)
    m.run("rl destroy web; ls /var/lib/rl/appliances/web/state-xvda.qcow2; rl run --remove web; [ ! -e /var/lib/rl/appliances/web ]", 60)


def packed_here(m):
    """The teaching kernel: packed in Dom0 with a disk, run twice, once fresh."""
    m.run("cd /tmp; truncate -s 4M d.img; mke2fs -F d.img >/dev/null; rl pack demo64.cfg name=pack 'disk=[\"d.img,raw,xvda,w\"]' && rm d.img", 60)
    for options, kept in (("", ""), ("", "kept"), ("--fresh", "")):
        m.send("rl run -c %s pack.rla\n" % options)
        m.expect(r"pack:/root# ", 120)
        m.run("mkdir /mnt; mount /dev/xvda /mnt", 60)
        require(m.run("cat /mnt/word 2>/dev/null || true").strip() == kept, "the disk is not as it should be")
        m.run("echo kept >/mnt/word; umount /mnt")
        to_dom0(m)
        m.run("rl destroy pack", 60)
    m.run("rl run --remove pack; rm pack.rla; rl run ringlet; rl pack -o two.rla ringlet name=two; rl run two.rla; rl domid two; rl destroy two; rl destroy ringlet", 120)
    m.run("rl run --remove two; rl run --remove ringlet; rm two.rla; [ -z \"$(ls /var/lib/rl/appliances)\" ]", 60)
    m.run("until [ $(pidof rl-blkd | wc -w) = 1 ]; do usleep 20000; done")
    audit(m)


def steps(tap, m):
    tap.step("an appliance that is damaged, short or too new is refused in one sentence", lambda: refused(m))
    tap.step("an appliance of Linux serves its pages, and keeps what it writes", lambda: serves(m))
    tap.step("an appliance of the teaching kernel is packed and run", lambda: packed_here(m))
