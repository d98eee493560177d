#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The harness itself, which must not pass what has failed: scripts/run_tests.py with commands that end in every way,
scripts/guest-test and machine.py with a QEMU that is a shell script and says what a dying machine would. And
scripts/check-layers.py with houses of a few files.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile

from machine import TOP, Failure, Machine, Tap, require

STOPPED = "(ringlet) Dom0 has stopped: poweroff\n"
AUDITED = "(ringlet) audit: 64448 frames, ok: 47768 free, 16386 held for guests\n"
END = STOPPED + AUDITED
PANIC = "(ringlet) PANIC on CPU 1: page fault\n(ringlet)   rip e008:0\n(ringlet) Halted (noreboot).\n"
FOREVER = "exec sleep 1000"

# What a test prints, its exit code; what the runner must make of it: passed, failed, skipped.
COMMANDS = {
    "says nothing and passes": ("", 0, (1, 0, 0)),
    "says nothing and fails": ("", 3, (0, 1, 0)),
    "all good": ("ok 1 - a\nok 2 - b\n1..2\n", 0, (2, 0, 0)),
    "the plan first, two groups": ("1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n", 0, (3, 0, 0)),
    "one line fails": ("ok 1 - a\nnot ok 2 - b\n1..2\n", 1, (1, 1, 0)),
    "one line fails, exit code 0": ("ok 1 - a\nnot ok 2 - b\n1..2\n", 0, (1, 1, 0)),
    "all good, exit code 1": ("ok 1 - a\n1..1\n", 1, (1, 1, 0)),
    "a failure that quotes a guest": ("ok 1 - a\nnot ok 2 - b\n# (d2) RESULT success \n1..2\n", 1, (1, 1, 0)),
    "a guest's success that nobody judged": ("RESULT success\n", 1, (0, 1, 0)),
    "a guest's failure quoted by a test that passes": ("ok 1 - a\n# RESULT failure x\n1..1\n", 0, (1, 0, 0)),
    "fewer results than planned": ("1..3\nok 1 - a\nok 2 - b\n", 0, (2, 1, 0)),
    "more results than planned": ("ok 1 - a\nok 2 - b\n1..1\n", 0, (2, 1, 0)),
    "no plan": ("ok 1 - a\n", 0, (1, 1, 0)),
    "an empty plan": ("1..0\n", 0, (0, 1, 0)),
    "a skip": ("ok 1 # SKIP no such machine\nok 2 - b\n1..2\n", 0, (1, 0, 1)),
    "a failure is not skipped": ("not ok 1 - a # skip\n1..1\n", 1, (0, 1, 0)),
    "nor to be done": ("not ok 1 - a # TODO later\n1..1\n", 0, (0, 1, 0)),
}

# What comes over the serial line, and how the machine ends; the line of TAP that guest-test must print (a pattern).
GUESTS = {
    "success": ("a line\nRESULT success \n" + END, "exit 0", r"ok 1$"),
    "success of a guest beside Dom0": ("(d2) RESULT success\r\n" + END, "exit 0", r"ok 1$"),
    "skip": ("RESULT skip no second vCPU\n" + END, "exit 0", r"ok 1 # SKIP no second vCPU"),
    "failure": ("RESULT failure main.c:1: x is 0, not 1\n" + END, "exit 0", r"not ok 1 - failure main.c:1: x is 0, not 1"),
    "error": ("RESULT error no vCPU\n" + END, "exit 0", r"not ok 1 - error no vCPU"),
    "reset without a word": ("hc-vcpu-op (pv64)\n", "exit 0", r"not ok 1 - error no RESULT"),
    "a check fails, then a reset": ("failure: main.c:133: x\n", "exit 0", r"not ok 1 - error no RESULT"),
    "a proper end without a RESULT": (END, "exit 0", r"not ok 1 - error no RESULT"),
    "a RESULT within a line": ("# RESULT success\nx RESULT success\n" + END, "exit 0", r"not ok 1 - error no RESULT"),
    "success and failure": ("RESULT success\nRESULT failure x\n" + END, "exit 0", r"not ok 1 - failure x"),
    "failure and success": ("RESULT failure x\nRESULT success\n" + END, "exit 0", r"not ok 1 - failure x"),
    "success, then a reset": ("RESULT success\n", "exit 0", r"not ok 1 - the auditor was not heard"),
    "success, a stop, then a reset": ("RESULT success\n" + STOPPED, "exit 0", r"not ok 1 - the auditor was not heard"),
    "the auditor's discrepancy": ("RESULT success\n" + STOPPED + "audit: wrong: frame 1\n" + AUDITED, "exit 0",
                                  r"not ok 1 - the auditor found"),
    "a bad exit code": ("RESULT success\n" + END, "exit 3", r"not ok 1 - QEMU's exit code is 3"),
    "no end": ("RESULT success\n" + END, FOREVER, r"not ok 1 - no end of the machine within 2 s"),
    "a panic that halts": (PANIC, FOREVER, r"not ok 1 - the hypervisor stopped"),
    "a panic that resets": ("RESULT success\n(ringlet) PANIC on CPU 0: x\n", "exit 0", r"not ok 1 - the hypervisor stopped"),
    "Dom0's crash": ("Dom0 has stopped: crash\n(ringlet) Halted (noreboot).\n", FOREVER, r"not ok 1 - the hypervisor stopped"),
    "lines of TAP": ("ok 1 - mine\n1..1\n", "exit 0", r"not ok 1 - error no RESULT"),
}
# The same for one that may stop as it likes (the fuzzer as Dom0).
STOPPERS = {
    "crash": ("Dom0 has stopped: crash\n", "exit 0", r"ok 1$"),
    "poweroff": (END, "exit 0", r"ok 1$"),
    "poweroff without the auditor": (STOPPED, "exit 0", r"not ok 1 - the auditor was not heard"),
    "reset without a word": ("100 calls\n", "exit 0", r"not ok 1 - the machine ended without a word"),
    "panic": (PANIC, "exit 0", r"not ok 1 - the hypervisor stopped"),
}


class Pretended:
    """A folder with build/tests/list, and a bin/ in front of PATH with a false QEMU."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.top = self.folder.name
        for sub in ("bin", "build/tests"):
            os.makedirs(os.path.join(self.top, sub))
        self.env = {**os.environ, "PATH": "%s:%s" % (os.path.join(self.top, "bin"), os.environ["PATH"])}
        for name in ("XEN", "EXPECT", "MAY_STOP", "ICOUNT", "SECONDS_MAX", "MAKEFLAGS"):
            self.env.pop(name, None)

    def write(self, path, text):
        with open(os.path.join(self.top, path), "w") as f:
            f.write(text)
            os.fchmod(f.fileno(), 0o755)

    def prints(self, path, text, then):
        """A shell script that prints `text`, then does that."""
        self.write(path + ".text", text)
        self.write(path, "#!/bin/sh\ncat '%s'\n%s\n" % (os.path.join(self.top, path + ".text"), then))

    def run(self, *command, **env):
        """Output and exit code; a harness that waits for ever fails, not us."""
        try:
            done = subprocess.run(command, cwd=self.top, env={**self.env, **env}, stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            raise Failure("it is still waiting") from None
        return done.stdout, done.returncode

    def runner(self, command, make="true", seconds="30"):
        """(passed, failed, skipped) by the runner's last line, the build's line left out, and its exit code."""
        self.write("build/tests/list", "it\t%s\t%s\n" % (seconds, command))
        out, code = self.run("python3", os.path.join(TOP, "scripts", "run_tests.py"), "--make", make)
        last = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", out.splitlines()[-1])
        require(last, "its last line is %r" % out.splitlines()[-1])
        require((code != 0) == (int(last[2]) != 0), "exit code %d with %s failed" % (code, last[2]))
        built = make == "true"
        return int(last[1]) - built, int(last[2]) - (not built), int(last[3])

    def guest_test(self, text, then, **env):
        self.prints("bin/qemu-system-x86_64", text, then)
        return self.run("sh", os.path.join(TOP, "scripts", "guest-test"), "a.elf", **env)


def command(p, text, code, wanted):
    p.prints("command", text, "exit %d" % code)
    got = p.runner("./command")
    require(got == wanted, "%s, not %s (passed, failed, skipped)" % (got, wanted))


def never_ends(p):
    p.prints("command", "ok 1 - a\n1..1\n", FOREVER)
    require(p.runner("./command", seconds="1") == (1, 1, 0), "it passed, or its results are lost")


def not_there(p):
    require(p.runner("./no-such-command") == (0, 1, 0), "it passed")
    require(p.runner("true", make="false") == (1, 0, 0), "a build that fails hides what can be run")


def told_again(p):
    """What failed, and why, stands in the last lines: where many results are kept, only those may be."""
    p.prints("command", "ok 1 - a\nnot ok 2 - b\n# because of c\n" + "ok 3 - d\n" * 100 + "1..102\n", "exit 1")
    p.write("build/tests/list", "it\t30\t./command\n")
    out, _ = p.run("python3", os.path.join(TOP, "scripts", "run_tests.py"), "--make", "true")
    last = "\n".join(out.splitlines()[-6:])
    require(re.search(r"# failed: it\n#   not ok 2 - b\n#   # because of c\n1\.\.", last), "its end is %r" % last)


def progress(p):
    """On a terminal the last line counts and is taken away again; a file has none of it. The last run's times are kept."""
    p.prints("command", "ok 1 - a\n1..1\n", "exit 0")
    p.write("build/tests/list", "it\t30\t./command\nother\t60\t./command\n")
    line = "python3 %s --make true" % os.path.join(TOP, "scripts", "run_tests.py")
    out, _ = p.run("sh", "-c", line)
    require("\x1b" not in out and "/2]" not in out, "not on a terminal it says %r" % out)
    out, _ = p.run("script", "-qec", line, "/dev/null")
    require(re.search(r"\[0/2\][^\n]* it", out) and "[1/2]" in out, "on a terminal it says %r" % out)
    require(re.search(r"\n\x1b\[Kok \d - it: a\n", out) and out.endswith("3 passed, 0 failed, 0 skipped\n"), "it says %r" % out)
    with open(os.path.join(p.top, "build", "tests", "times")) as f:
        require(set(json.load(f)) == {"it", "other"}, "no times are kept")


def guest(p, text, then, wanted, **env):
    out, code = p.guest_test(text, then, SECONDS_MAX="2" if "within 2 s" in wanted else "50", **env)
    verdict = re.findall(r"^(?:ok|not ok) .*$", out, re.M) or [""]
    require(out.endswith("\n1..1\n") and re.match(wanted, verdict[-1]), "it says %r" % out[-600:])
    require((code == 0) == wanted.startswith("ok"), "exit code %d" % code)


def to_the_runner(p):
    """guest-test below the runner, as `make test` has them."""
    line = "sh %s a.elf" % os.path.join(TOP, "scripts", "guest-test")
    for name, wanted in (("success", (1, 0, 0)), ("skip", (0, 0, 1)), ("failure", (0, 1, 0)),
                         ("reset without a word", (0, 1, 0)), ("a panic that halts", (0, 1, 0))):
        p.prints("bin/qemu-system-x86_64", *GUESTS[name][:2])
        p.write("bin/on-path", "#!/bin/sh\nPATH='%s' exec %s\n" % (p.env["PATH"], line))
        got = p.runner("bin/on-path")
        require(got == wanted, "%s: %s, not %s" % (name, got, wanted))


def expectation(p):
    for seen, pattern in (("EXPECT=smap", r"^ok 1$"), ("EXPECT=no such", r"^not ok 1 - not seen: no such$")):
        out, _ = p.guest_test("CPU: smap\nRESULT success\n" + END, "exit 0", EXPECT=seen.split("=")[1])
        require(re.search(pattern, out, re.M), "%s: %r" % (seen, out))


def qemu_fails(p):
    """A wait or typing when QEMU itself has died fails with that reason."""
    p.prints("bin/qemu-system-x86_64", "Booting\n", "kill -SEGV $$")
    before, os.environ["PATH"] = os.environ["PATH"], p.env["PATH"]
    try:
        with Machine([], os.path.join(p.top, "log"), limit=50) as m:
            for wait in (lambda: m.expect("login:", 50), lambda: m.send("root\n")):
                try:
                    wait()
                except Failure as why:
                    require("by signal 11, which QEMU got" in str(why), "it says %r" % str(why))
                else:
                    raise Failure("its death passed unseen")
    finally:
        os.environ["PATH"] = before


def machines(p):
    """A system test's waits."""
    p.prints("bin/qemu-system-x86_64", "Booting\n" + PANIC, FOREVER)
    before, os.environ["PATH"] = os.environ["PATH"], p.env["PATH"]
    try:
        for wait in (lambda m: m.expect("login:", 50), lambda m: m.wait_end(50), lambda m: m.expect("Booting")):
            try:
                with Machine([], os.path.join(p.top, "log"), limit=50) as m:
                    wait(m)
                    m.expect(r"rip e008", 50)  # what came before the end can still be asked for
            except Failure as why:
                require("the hypervisor stopped" in str(why), "it says %r" % str(why))
            else:
                raise Failure("a panic passed unseen")
    finally:
        os.environ["PATH"] = before


WHOLE = '#include "mm/state.h"\nstruct domain {\n\tstruct domain_mm mm;\n};'
# Files of a house and their text; what check-layers.py must say of it (a pattern; none: nothing).
HOUSES = {
    "a use goes down": ({"lib/a.c": "int a(void) { return 1; }", "mm/b.c": "int a(void); int b(void) { return a(); }"}, None),
    "a use goes up": ({"lib/a.c": "int b(void); int a(void) { return b(); }", "mm/b.c": "int b(void) { return 1; }"},
                      r"lib/a.c uses b of mm/b.c"),
    "a header is included upwards": ({"lib/a.c": '#include "mm/b.h"', "mm/b.h": "", "mm/b.c": ""}, r"lib/a.c:1: includes mm/b.h"),
    "a header declares what is above": ({"lib/a.c": "", "lib/a.h": "int b(void);", "mm/b.c": "int b(void) { return 1; }"},
                                        r"lib/a.h:1: declares b, which mm/b.c defines"),
    "a comment is none": ({"lib/a.c": "", "lib/a.h": "/* int b(void);\nint b(void); */", "mm/b.c": "int b(void) { return 1; }"}, None),
    "a circle of five": ({f"lib/f{i}.c": f"int f{(i + 1) % 5}(void); int f{i}(void) {{ return f{(i + 1) % 5}(); }}"
                          for i in range(5)}, None),
    "a circle of six": ({f"lib/f{i}.c": f"int f{(i + 1) % 6}(void); int f{i}(void) {{ return f{(i + 1) % 6}(); }}"
                         for i in range(6)}, r"6 files in a circle"),
    "a field of a higher room": ({"guest/domain.h": WHOLE, "mm/state.h": "struct domain_mm {\n\tint n;\n};", "mm/b.c": "",
                                  "lib/a.c": '#include "guest/domain.h"\nint a(struct domain *d) { return d->mm.n; }'},
                                 r"lib/a.c:2: mm.n is mm's"),
    "a field of its own": ({"guest/domain.h": WHOLE, "mm/state.h": "struct domain_mm {\n\tint n;\n};",
                            "mm/b.c": '#include "guest/domain.h"\nint a(struct domain *d) { return d->mm.n; }'}, None),
    "a file was not compiled": ({"lib/a.c": "", "lib/b.c": None}, r"lib/b.c has no object"),
}


def house(files, wanted):
    with tempfile.TemporaryDirectory() as top:
        for path, text in files.items():
            for folder in "hypervisor", "build/hypervisor":
                os.makedirs(os.path.dirname(f"{top}/{folder}/{path}"), exist_ok=True)
            with open(f"{top}/hypervisor/{path}", "w") as f:
                f.write(text or "")
        for path, text in files.items():
            if path.endswith(".c") and text is not None:
                subprocess.run(["gcc", "-Ihypervisor", "-c", "-o", f"build/hypervisor/{path[:-2]}.o", f"hypervisor/{path}"], cwd=top,
                               check=True)
        p = subprocess.run(["python3", f"{TOP}/scripts/check-layers.py", "hypervisor"], cwd=top, capture_output=True, text=True)
        said = p.stdout + p.stderr
        require((p.returncode != 0) == bool(wanted), f"exit code {p.returncode}: {said}")
        require(not wanted or re.search(wanted, said), f"it says {said!r}")


# What is written at the end of which page of docs/; what check-pages must say of it (a pattern; none: nothing).
PAGES = {
    "the pages as they are": ({}, None),
    "a term is linked": ({"tour.md": "[M2P](glossary.md#m2p)"}, None),
    "a term is linked that is not there": ({"tour.md": "[M3P](glossary.md#m3p)"}, r"tour.md:\d+: no heading for glossary.md#m3p"),
    "no link leads to a page": ({"alone.md": "# Alone"}, r"docs/alone.md: no link leads here"),
    "only another page's does": ({"alone.md": "# Alone", "tour.md": "[alone](alone.md)"}, r"docs/README.md: no link to docs/alone.md"),
    "README's does not": ({"alone.md": "# Alone", "README.md": "[alone](alone.md)"}, r"README.md: no link to docs/alone.md"),
    "README's and docs/README's do": ({"alone.md": "# Alone", "README.md": "[alone](alone.md)",
                                       "../README.md": "[alone](docs/alone.md)"}, None),
    "an abbreviation of one page": ({"tour.md": "The QXZ bit."}, None),
    "an abbreviation of two pages": ({"tour.md": "The QXZ bit.", "fv.md": "QXZs."}, r"glossary.md: no entry for QXZ, which docs/fv.md"),
}


def pages(top, changes, wanted):
    """check-pages in a copy of the project whose pages say more."""
    for name, text in changes.items():
        with open(f"{top}/docs/{name}", "a") as f:
            f.write(f"\n{text}\n")
    p = subprocess.run(["python3", f"{top}/scripts/check-pages.py"], capture_output=True, text=True)
    for name in changes:
        if os.path.exists(f"{TOP}/docs/{name}"):
            shutil.copy(f"{TOP}/docs/{name}", f"{top}/docs/{name}")
        else:
            os.remove(f"{top}/docs/{name}")
    require((p.returncode != 0) == bool(wanted), f"exit code {p.returncode}: {p.stderr}")
    require(not wanted or re.search(wanted, p.stderr), f"it says {p.stderr!r}")


def all_pages(tap):
    with tempfile.TemporaryDirectory() as top:
        shutil.copytree(TOP, f"{top}/copy", ignore=lambda folder, _: ["build", ".git", "share"] if folder == TOP else [])
        for name, case in PAGES.items():
            tap.step("check-pages: " + name, lambda c=case: pages(f"{top}/copy", *c))


def main():
    tap = Tap()
    p = Pretended()
    for name, case in COMMANDS.items():
        tap.step("a command: " + name, lambda c=case: command(p, *c))
    tap.step("a command: does not end", lambda: never_ends(p))
    tap.step("a command: is not there, or cannot be built", lambda: not_there(p))
    tap.step("a command: what failed is told at the end", lambda: told_again(p))
    tap.step("commands: how far the run is", lambda: progress(p))
    for name, case in GUESTS.items():
        tap.step("a guest: " + name, lambda c=case: guest(p, *c))
    for name, case in STOPPERS.items():
        tap.step("a guest that may stop: " + name, lambda c=case: guest(p, *c, MAY_STOP="1"))
    tap.step("a guest: what is expected besides", lambda: expectation(p))
    tap.step("a guest: what the runner makes of it", lambda: to_the_runner(p))
    for name, case in HOUSES.items():
        tap.step("check-layers: " + name, lambda c=case: house(*c))
    all_pages(tap)
    tap.step("a machine: QEMU itself dies", lambda: qemu_fails(p))
    tap.step("a machine: a panic ends every wait", lambda: machines(p))
    tap.end()


main()
