#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The terminals of Dom0 and of its guests, as a user has them: prompts that name the machine, consoles that say when they
are left and ask the terminal nothing about old times, a kernel that keeps quiet, `rl top` on a screen of any size, the
manual pages, guests' consoles on serial lines of their own.
"""

import os
import re
import subprocess
import sys

from machine import BUILD, TOP, Machine, Tap, require

LOG = os.path.join(BUILD, "tests", "terminals.log")
LINES = os.path.join(BUILD, "tests", "lines")
ASK = "\x1b[6n"


def prompt(name):
    return r"^%s:/root# (\x1b\[6n)?$" % name


def greeted(m):
    m.expect(r"^  rl create demo32.cfg .*\n  rl list .*\n  rl console demo32 ", 120)
    m.expect(prompt("dom0"))


def enter(m, name):
    m.send("rl console %s\n" % name)
    m.expect(r"leave it with \^\]\n")
    m.expect(prompt(name))


def leave(m, name):
    m.send("\x1d")
    m.expect(r"^\(rl\) left the console of %s\n" % name)
    m.expect(prompt("dom0"))


def names(m):
    m.run("rl create -q demo32.cfg; rl create -q demo64.cfg name='two words'; rl create -q demo32.cfg name=called extra=hostname=other")
    for given, shown in (("demo32", "demo32"), ("two words", "two words"), ("called", "other")):
        m.send("rl console '%s'\n" % given)
        m.expect(prompt(shown))
        require(m.run("hostname").strip() == shown, "hostname and prompt differ")
        leave(m, given)
    m.run("rl destroy called; rl destroy 'two words'")


def asks_nothing(m):
    """The guest's shell has asked where the cursor is, which is in its console's log. The log is shown without it."""
    require(m.run("rl console -l demo32 | grep -c root#").strip() != "0", "the console's log has no prompt")
    m.run("rl console -l demo32 | tail -c 200 > /tmp/shown; tr -dc '\\033' < /run/rl/console/$(rl domid demo32)/log | wc -c")
    require(m.number("tr -dc '\\033' < /run/rl/console/$(rl domid demo32)/log | wc -c") > 0, "the guest's shell asks nothing")
    require(m.number("rl console -l demo32 | tr -dc '\\033' | wc -c") == 0, "the log's questions are shown")
    m.send("rl console demo32\n")
    m.expect(r"leave it with \^\]\n")
    seen = m.expect(r"(?s)(.*?)" + prompt("demo32")).group(1)
    require(ASK not in seen, "the questions are asked again: %r" % seen)
    leave(m, "demo32")


def answers(m):
    """What a terminal answers too late is no input. The shell has gone to line mode when a command of it runs."""
    m.send("echo ready; cat > /tmp/read\n")
    m.expect(r"^ready\n")
    m.send("be\x1b[24;80Rfore\n\x1b[7;1Rand\x1b[A after\x1b[5R\n\x04")
    m.expect(prompt("dom0"))
    require(m.run("cat -v /tmp/read").split("\n")[:2] == ["before", "and^[[A after^[[5R"], "read: %r" % m.run("cat -v /tmp/read"))


def quiet(m):
    """A program's fault goes into the kernel's log, and on the console only if that is asked for."""
    fault = "sh -c 'kill -SEGV $$' 2> /dev/null; true"
    require("signal 11" not in m.run(fault), "the kernel's line is on the console")
    require("signal 11" in m.run("dmesg | tail -1"), "the kernel's line is not in its log")
    require("signal 11" in m.run("dmesg -n 8; " + fault), "dmesg -n 8 shows nothing")
    m.run("dmesg -n 9", code=1)
    require("signal 11" not in m.run("dmesg -n 5; " + fault), "dmesg -n 5 changes nothing")


def draw(m, rows, columns):
    """One screen of rl top at a terminal of this size."""
    m.expect(r"\x1b\[999;999H\x1b\[6n\x1b\[H\x1b\[J")
    m.send("\x1b[%d;%dR" % (rows, columns))
    m.expect(r"\x1b\[999;999H\x1b\[6n\x1b\[H\x1b\[J")
    return m.expect(r"(?s)(.*?)\x1b\[999;999H").group(1).split("\n")


def top(m):
    """By the terminal's answers: 80 columns, few, many; and fewer rows than domains. q ends it."""
    m.send("rl top -d 1\n")
    for columns, width in ((80, 80), (30, 30), (132, 104)):
        lines = draw(m, 24, columns)
        require("Name" in lines[0] and any(line.startswith("demo32") for line in lines), "no table: %s" % lines)
        require(max(len(line) for line in lines) <= width, "wider than %d: %s" % (width, lines))
    require("upcall/s" in lines[0], "columns are missing: %s" % lines)
    lines = draw(m, 3, 80)
    require(len(lines) == 3 and "1 more" in lines[2], "not three rows: %s" % lines)
    m.send("q")
    m.expect(prompt("dom0"))
    require(m.run("stty size").split() == ["3", "80"], "the kernel was not told of the size")
    m.run("stty rows 24")


def command_line(m):
    """Whose fault it is: the file's or the command line's."""
    for line, told in (("name=x", "command line: no kernel; add kernel="),
                       ("demo32.cfg kernel=/no", 'command line: kernel = "/no": no such file'),
                       ("kernel = /boot/kernel-pv32.elf", 'command line: "kernel": needed: key=value without blanks'),
                       ("demo32.cfg memory", 'command line: "memory": needed: key=value'),
                       ("demo.cfg", 'command line: no configuration file "demo.cfg" here, nor one of that name in /etc/rl'),
                       ("/tmp/bad.cfg", '/tmp/bad.cfg:2: kernel = "/no": no such file')):
        m.run("printf 'name=\"bad\"\\nkernel=\"/no\"\\n' > /tmp/bad.cfg")
        said = m.run("rl create -q %s 2>&1" % line, code=1)
        require("rl: " + told in said and said.count("\n") == 1, "rl create %s: %r" % (line, said))


def manual(m):
    """man prints what rl help knows, all of it."""
    page, settings = m.run("man rl | cat"), m.run("man rl.cfg | cat")
    for verb in re.findall(r"^  (\S+) ", m.run("rl help"), re.M):
        require(m.run("rl help " + verb).strip() in page, "man rl does not explain " + verb)
    require(m.run("rl help settings").strip() in settings, "man rl.cfg has not all settings")
    require("Usage: ls" in m.run("man ls 2>&1"), "man ls")


class Line(Machine):
    """A terminal with scripts/console.py. It is read and typed into as a machine is."""

    def __init__(self, number):
        self.number = number
        super().__init__([], LOG.replace(".log", "-%d.log" % number), limit=400)

    def start(self, pipes):
        return subprocess.Popen([sys.executable, os.path.join(TOP, "scripts/console.py"), str(self.number), LINES], **pipes)


def on_lines(m):
    """Consoles on the first and on the fourth line; what is taken, what is missing; a restart is followed."""
    m.run("rl create -q demo64.cfg")
    with Line(1) as first, Line(4) as fourth:
        for line, name in ((first, "demo32"), (fourth, "demo64")):
            line.expect("line %d of the machine" % line.number)
            m.run("rl console --on %d %s" % (line.number, name))
            line.expect(prompt(name))
            require(name == line.run("hostname").strip(), "line %d is not %s's" % (line.number, name))
            require(line.run("seq 2000").split() == [str(n) for n in range(1, 2001)], "line %d loses output" % line.number)
        require("another console is there" in m.run("rl console --on 1 demo64 2>&1", code=1), "one line for two")
        require("there is no such line" in m.run("rl console --on 2 demo64 2>&1", code=1), "a line that is not there")
        first.send("\x1d")
        first.expect(r"^\(rl\) left the console of demo32\n")
        m.run("until rl console --on 1 demo32 2> /dev/null; do usleep 50000; done")
        first.expect(prompt("demo32"))
        m.run("rl reboot -w demo32")
        first.expect(r"\(rl\) domain \d+ has ended: reboot")
        first.expect(r"\(rl\) console of demo32")
        first.send("\necho again at $((6 * 7))\n")
        first.expect("^again at 42\n")
        m.run("rl destroy demo64")
        fourth.expect(r"\(rl\) domain \d+ has ended: destroyed")
        for line in (first, fourth):
            line.send("\x01x")
            line.expect(r"\(line %d: left\)" % line.number)
            require(line.wait_end() == 0, "console.py fails")
    m.run("rl destroy demo32")


def serial(number, *device):
    return ["-chardev", "socket,id=line%d,path=%s,server=on,wait=off" % (number, os.path.join(LINES, str(number)))] + list(device)


def main():
    os.makedirs(LINES, exist_ok=True)
    tap = Tap()
    with Machine(["-m", "320", "-smp", "2", "-cpu", "max", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-initrd", "%s ,%s" % (os.path.join(BUILD, "guest/kernel-pv64.elf"), os.path.join(BUILD, "dom0.cpio")),
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=128M noreboot"] + serial(1, "-serial", "chardev:line1") +
                 serial(4, "-device", "isa-serial,chardev=line4,iobase=0x1e8,irq=5,index=3"), LOG) as m:
        if tap.step("a greeting, and Dom0's prompt", lambda: greeted(m)):
            for name, step in (("prompts name the machine", names), ("a console's past asks nothing", asks_nothing),
                               ("a terminal's late answers are no input", answers), ("the kernel keeps quiet", quiet),
                               ("rl top fits the screen", top), ("errors name the command line", command_line),
                               ("the manual", manual), ("consoles on lines of their own", on_lines)):
                tap.step(name, lambda s=step: s(m))
    tap.end()


main()
