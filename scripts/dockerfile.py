#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dockerfile.py check: whether .devcontainer/ is written as engines read it. dockerfile.py run [ROOT]: its steps and
`make run` in a bare Debian 12, made by mmdebstrap (as root, with a network) or the one at ROOT; how long each takes.

The check knows the instructions that this project uses, and refuses others: it is no general one.
"""
import json
import os
import re
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import time

import tools

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = ".devcontainer"
BASE = "debian:bookworm-slim"
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
PROMPT = re.compile(rb":/root# ?(?:\x1b\[6n)?$")


def steps(text):
    """[(line, instruction, arguments)] of a Dockerfile."""
    found, line, held = [], 0, ""
    for number, words in enumerate(text.splitlines(), 1):
        if not held and (not words.strip() or words.startswith("#")):
            continue
        line = line if held else number
        held += words[:-1] + " " if words.endswith("\\") else words
        if not words.endswith("\\"):
            instruction, _, rest = held.partition(" ")
            found.append((line, instruction, rest.strip()))
            held = ""
    if held:
        found.append((line, held.split()[0], "\\"))
    return found


def of_step(instruction, rest, args):
    """What is wrong with one step, or None. `args` are the names that ARG has declared so far."""
    if rest in ("", "\\"):
        return "%s has no end" % instruction
    if instruction == "ARG":
        args.add(rest.partition("=")[0])
        return None if re.fullmatch(r"[A-Z_]+=.+", rest) else "ARG without a default"
    if instruction == "FROM":
        return None if rest == BASE else "not FROM %s" % BASE
    if instruction == "COPY":
        *sources, to = rest.split()
        lost = [s for s in sources if not os.path.exists(os.path.join(TOP, s))]
        if lost:
            return "COPY of what is not there: %s" % " ".join(lost)
        return None if to.endswith("/") and to.startswith("/") else "COPY of several files to what is no folder"
    if instruction == "RUN":
        unknown = set(re.findall(r"\$\{?([A-Za-z_]\w*)", rest)) - args
        if unknown:
            return "RUN uses %s, which no ARG declares" % " ".join(sorted(unknown))
        done = subprocess.run(["sh", "-n", "-c", rest], capture_output=True, text=True)
        if done.returncode:
            return "RUN: %s" % done.stderr.strip()
        bare = re.search(r"apt-get (?:install|upgrade)(?!.*-y)|\bsudo\b|apt-get update *$", rest)
        return "RUN would ask, or leaves an old index in a layer of its own: %s" % bare[0] if bare else None
    if instruction == "WORKDIR":
        return None if rest.startswith("/") else "WORKDIR is no whole path"
    if instruction == "CMD":
        try:
            words = json.loads(rest)
        except ValueError:
            return "CMD is no JSON list"
        return None if words and all(isinstance(w, str) for w in words) else "CMD is no list of words"
    return "%s is not known to this check" % instruction


def check(folder):
    """[what] is wrong with the Dockerfile and devcontainer.json of a folder."""
    with open(os.path.join(folder, "Dockerfile")) as f:
        found = steps(f.read())
    args, wrong = set(), []
    if not found or found[0][1] != "FROM":
        wrong.append("Dockerfile: it does not begin with FROM")
    for line, instruction, rest in found:
        what = of_step(instruction, rest, args)
        if what:
            wrong.append("Dockerfile:%d: %s" % (line, what))
    with open(os.path.join(folder, "devcontainer.json")) as f:
        try:
            told = json.load(f)
        except ValueError as why:
            return wrong + ["devcontainer.json: %s" % why]
    build = told.get("build", {})
    if not os.path.exists(os.path.join(folder, build.get("dockerfile", ""))) or os.path.normpath(
            os.path.join(FOLDER, build.get("context", "."))) != ".":
        wrong.append("devcontainer.json: build names no Dockerfile, or not the checkout as its context")
    lost = set(build.get("args", {})) - args
    return wrong + ["devcontainer.json: the Dockerfile has no ARG %s" % name for name in sorted(lost)]


def inside(root, command, folder, env):
    """Run a command below root; its seconds."""
    start = time.monotonic()
    subprocess.run(["chroot", root, "env", "-i", *env, "sh", "-c", "cd %s && %s" % (folder, command)], check=True,
                   stdin=subprocess.DEVNULL)
    return time.monotonic() - start


def to_the_prompt(root, folder, words, env):
    """Start the machine on a terminal of its own, and end it when Dom0's shell asks. The seconds until then."""
    import pty
    start, seen, asked = time.monotonic(), b"", None
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("chroot", ["chroot", root, "env", "-i", *env, "sh", "-c", "cd %s && exec %s" % (folder, " ".join(words))])
    while time.monotonic() - start < 3600:
        try:
            ready = select.select([terminal], [], [], 10)[0]
            piece = os.read(terminal, 4096) if ready else b""
        except OSError:  # the other end is closed
            break
        seen += piece
        if asked is None and PROMPT.search(seen[-80:]):
            asked = time.monotonic() - start
            os.write(terminal, b"poweroff\n")
    os.close(terminal)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or asked is None:
        sys.exit("dockerfile: no prompt, or no good end:\n" + seen[-3000:].decode(errors="replace"))
    return asked


def run(root):
    """The steps as an engine takes them, one after another; then CMD, with the checkout mounted at WORKDIR."""
    env, folder, total = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=vt100"], "/", 0.0
    subprocess.run(["mount", "-t", "proc", "proc", os.path.join(root, "proc")], check=True)
    for name, numbers in NODES.items():  # of its own: what is below root is removed in the end
        if not os.path.exists(os.path.join(root, "dev", name)):
            os.mknod(os.path.join(root, "dev", name), 0o666 | stat.S_IFCHR, os.makedev(*numbers))
            os.chmod(os.path.join(root, "dev", name), 0o666)
    shutil.copy("/etc/resolv.conf", os.path.join(root, "etc", "resolv.conf"))
    with open(os.path.join(TOP, FOLDER, "Dockerfile")) as f:
        for _, instruction, rest in steps(f.read()):
            took = 0.0
            if instruction == "ARG":
                env.append(rest)
            elif instruction == "COPY":
                *sources, to = rest.split()
                os.makedirs(root + to, exist_ok=True)
                for source in sources:
                    shutil.copy(os.path.join(TOP, source), root + to)
            elif instruction == "RUN":
                took = inside(root, rest, folder, env)
            elif instruction == "WORKDIR":
                folder = rest
                os.makedirs(root + folder, exist_ok=True)
                archive = subprocess.run(["git", "-C", TOP, "archive", "HEAD"], check=True, stdout=subprocess.PIPE).stdout
                subprocess.run(["tar", "-x", "-C", root + folder], input=archive, check=True)
            elif instruction == "CMD":
                took = to_the_prompt(root, folder, json.loads(rest), env)
            total += took
            print("%-8s %-60.60s %6.1f s" % (instruction, rest, took), flush=True)
    print("from a bare Debian 12 to the prompt of Dom0: %.0f s" % total)


def bare(folder):
    """A Debian 12 as small as an engine's."""
    root = os.path.join(folder, "root")
    tools.run("mmdebstrap", "--quiet", "--variant=minbase", "bookworm", root)
    return root


def main():
    words = sys.argv[1:]
    if words[:1] == ["check"] and len(words) <= 2:
        wrong = check(words[1] if words[1:] else os.path.join(TOP, FOLDER))
        print("".join("%s/%s\n" % (FOLDER, w) for w in wrong), end="", file=sys.stderr)
        sys.exit(bool(wrong))
    if words[:1] != ["run"] or len(words) > 2:
        sys.exit("usage: dockerfile.py check [FOLDER] | run [ROOT]")
    with tempfile.TemporaryDirectory(dir=os.path.join(TOP, "build"), ignore_cleanup_errors=True) as folder:
        root = words[1] if words[1:] else bare(folder)
        try:
            run(root)
        finally:
            subprocess.run(["umount", os.path.join(root, "proc")], check=False)


main()
