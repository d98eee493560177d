# SPDX-License-Identifier: MIT
"""Debian's Linux as Dom0, used through its shell: every line that is asked, there or in a guest, is written down with its
exit status and its answer, so that two hypervisors can be compared.

The tools give the scripts that attach devices 40 s of the machine's clock, which may count instructions (hosts.py). What
waits for another processor in a loop then waits long, so Dom0 has one vCPU, and its guest one of two.
"""

import difflib
import http.server
import os
import random
import re
import shlex
import subprocess
import threading

import hosts
from linux_guest import SHELL as GUEST_SHELL, TROUBLE
from machine import BUILD, Machine, require

SHELL = r"dom0# (\x1b\[6n)?$"
OUT = os.path.join(BUILD, "linux-dom0")
MODULES = [os.path.join(BUILD, "guests", "vmlinux") + " console=hvc0", os.path.join(OUT, "dom0.cpio")]
# What the hypervisor itself says on the console that it shares with Dom0's shell.
HYPERVISOR_SAYS = r"(?m)^\((?:XEN|ringlet|d\d+)\).*\n"
# What is chance, or time: (pattern, what stands for it), in any answer.
CHANCE = [
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (r"(?m)^(\S+ +\d+ +\d+ +\d+) +[r-][b-]([p-][s-][c-][d-]) +\d+\.\d", r"\1 \2"),  # xl list: running, blocked, seconds
    (r"(?m)^(\S+ +\d+ +\d+) +[\d-]+ +[r-][b-]([p-]) +\d+\.\d", r"\1 \2"),  # xl vcpu-list: and where
    # Rings and ports of a device, which Linux chooses.
    (r"(?m)^(\d+ +0 +\d+ +\d+) +[\d-]+ +[\d-]+ +(/local)", r"\1 \2"),
    (r"(?m)^(\d+ +0 +[0-9a-f:]+ +\d+ +\d+) +[\d-]+ +[\d/-]+ +(/local)", r"\1 \2"),
    (r"(?<![:\w])\d+:\d\d:\d\d(?!:)", "TIME"),
    # What a save file has of the tools' own: its length, frames.
    (r"(info 0x\w+/0x\w+)/\d+", r"\1"), (r"(XenStore|Console): mfn 0x[0-9a-f]+", r"\1: mfn"),
]
# A line in Dom0's shell, its answer and its exit status, in one piece.
SAID = "said() { eval \"$1\" >/tmp/said 2>&1; echo \"exit status $?\" >>/tmp/said; cat /tmp/said; }"
# A condition in Dom0's shell that will hold soon. The limit is 400 s of its clock: as long as a busy machine may take.
AWAIT = ("await() { n=0; until eval \"$1\" >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 4000 ] || "
         "{ echo \"never: $1\"; return 1; }; sleep 0.1; done; }")


def tidy(text, more=()):
    text = re.sub(HYPERVISOR_SAYS, "", text)
    for pattern, word in list(CHANCE) + list(more):
        text = re.sub(pattern, word, text)
    return [line.rstrip() for line in text.splitlines()]


class Web:
    """An HTTP server on this machine, which guests reach as 10.0.2.2; its one page is always the same 3 MB."""

    def __init__(self):
        page = random.Random(4711).randbytes(3 << 20)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        self.page = page
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://10.0.2.2:%d/" % self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.server.server_close()


def machine(host, name, limit, memory=1600, dom0="dom0_mem=800M dom0_max_vcpus=1", restarts=False, more=()):
    """Two disks: vda for Dom0's files, vdb to be lent to a guest; a network card. A reset is its end, or it `restarts`."""
    tests = os.path.join(BUILD, "tests")
    os.makedirs(tests, exist_ok=True)
    args = hosts.arguments(host, memory, dom0 + " loglvl=warning guest_loglvl=warning", MODULES)
    for disk in ("vda", "vdb"):
        path = os.path.join(tests, "%s-%s-%s.img" % (name, host, disk))
        with open(path, "w") as f:
            f.truncate(0)
            f.truncate(1 << 30)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", path], check=True)
        args += ["-drive", "if=virtio,format=raw,cache=unsafe,file=" + path]
    args += ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0"]
    args += ["-action", "reboot=reset"] if restarts else []
    return Machine(args + list(more), os.path.join(tests, "%s-%s.log" % (name, host)), limit)


class Session:
    """`answers`: (where, line, [lines of its answer, and its exit status]), in the order in which they were asked."""

    def __init__(self, m, host, url):
        self.m, self.host, self.url = m, host, url or "no web"
        self.answers = []

    def boot(self):
        self.m.expect(SHELL, 900)
        for line in ("set +o emacs", SAID, AWAIT):  # no line editor, which echoes everything twice
            self.m.run(line)
            self.m.expect(SHELL)

    def quiet(self, line, limit=600):
        """An answer that is not compared: (text, exit status)."""
        text = self.m.run("said %s" % shlex.quote(line), limit)
        self.m.expect(SHELL)
        found = re.search(r"(?s)(.*?)exit status (\d+)\n", text)
        require(found, "%s: no exit status in %r" % (line, text))
        return found[1], int(found[2])

    def ask(self, line, code=0, clean=(), limit=600):
        """In Dom0. `code`: the exit status that is right; None: whatever Xen's is."""
        text, got = self.quiet(line, limit)
        self.answers.append(("dom0", line, tidy(text, clean) + ["exit status %d" % got]))
        require(code is None or got == code, "%s: exit status %d: %s" % (line, got, text))
        return text

    def status(self, line, code=0):
        """As ask(), but only the status is compared: the text is each hypervisor's own."""
        text, got = self.quiet(line)
        self.answers.append(("dom0", line, ["exit status %d" % got]))
        require(got == code, "%s: exit status %d: %s" % (line, got, text))
        return text

    def enter(self, name):
        """The guest's console; its shell must come. xl waits 5 s for the terminal, and then leaves."""
        text, code = self.quiet("await '[ -e \"$(xenstore-read /local/domain/$(xl domid %s)/console/tty)\" ]'" % name)
        require(code == 0, "%s has no terminal: %s" % (name, text))
        self.m.send("xl console -t pv %s\n" % name)
        self.m.send("\n")
        self.m.expect(GUEST_SHELL, 600)

    def leave(self):
        self.m.send("\x1d")
        self.m.expect(SHELL)

    def inside(self, line, code=0, limit=600):
        """In the guest whose console this is; in `line`, URL is where the page is."""
        text = self.m.run("{ %s; } 2>&1; echo \"exit status $?\"" % line.replace("URL", self.url), limit)
        self.m.expect(GUEST_SHELL)
        lines = tidy(text.replace(self.url, "URL"))
        self.answers.append(("guest", line, lines))
        require(lines and lines[-1] == "exit status %d" % code, "%s: %s" % (line, text))
        return text

    def recover(self):
        """After a failed part: back to Dom0's shell, without guests."""
        self.m.send("\x1d\n")
        self.m.run("wait; for d in $(xl list | awk 'NR > 2 {print $2}'); do xl destroy $d; done; umount /a; true", 300)
        self.m.expect(SHELL)

    def healthy(self):
        """Dom0's kernel has nothing to complain about."""
        # Searched there: a console that is read too slowly loses some of so much.
        found, code = self.quiet("dmesg | grep -P %s" % shlex.quote(TROUBLE))
        require(code == 1, "in Dom0's dmesg: " + found)


def compare(ours, theirs, stated):
    """Two lists of answers to the same lines. `stated`: known differences, patterns of "HOST LINE: TEXT". Any other is a
    failure, and so is one that is no more. Returns how many lines of answers are equal and how many are stated."""
    require([a[:2] for a in ours] == [a[:2] for a in theirs], "not the same was asked: %d and %d lines" % (len(ours), len(theirs)))
    same, apart = 0, []
    for (_, line, mine), (_, _, other) in zip(ours, theirs):
        for found in difflib.ndiff(other, mine):
            if found[0] == " ":
                same += 1
            elif found[0] in "+-":
                apart.append("%s %s: %s" % ({"+": "ringlet", "-": "xen"}[found[0]], line, found[2:]))
    unknown = [text for text in apart if not any(re.fullmatch(pattern, text) for pattern in stated)]
    gone = [pattern for pattern in stated if not any(re.fullmatch(pattern, text) for text in apart)]
    require(not unknown, "unknown differences:\n" + "\n".join(unknown))
    require(not gone, "differences that are no more:\n" + "\n".join(gone))
    return same, len(apart)
