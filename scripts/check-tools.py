#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-tools.py [TREE]: are the packages known of all that the makefiles, scripts and tests call? Each program in the place of a command must be of a
package that the lists (packages*.txt) or setup.mk name, or that one of these depends on, or that every Debian has; and each target
of `make help` needs its line in setup.mk. What this machine does not have cannot be told from a shell function, and is not seen.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

import tools  # pylint: disable=unused-import # PATH

TOP = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(__file__)))
ELSEWHERE = re.compile(r"guest-kernel/user/etc|dom0-tools/etc|tests/suite/kernel|tests/system/\w+/|scripts/(appliances|guests)/")  # in the machine
NO_PACKAGES = {"clean", "doctor", "help"}  # targets
WORD = r"[a-z][\w.+-]*"
BEFORE = set("if then else elif do while until ! { exec command env eval export".split())  # a command follows, as after NAME=VALUE
PYTHON = re.compile(r"""(?:subprocess\.\w+\(\s*\[|\btools\.\w+\(|(?<![.\w])(?:run|start|tool|output|output_of)\()\s*"(%s)"[,)\]]""" % WORD)


def read(path):
    with open(path, errors="replace") as f:
        return f.read().replace("\\\n", " ")


def in_shell(text):
    """The words in a command's place; some that are none, too."""
    text = re.sub(r"""(?m)(^|\s)#.*|'[^'\n]*'|\w+="[^"$]*\"""", " ", text)
    for part in re.split(r"\|+|&&|;|\$\(|[`(\n]", text):
        words = part.split()
        while words and (words[0] in BEFORE or re.match(r"[A-Za-z_]\w*=", words[0])):
            del words[0]
        if words and re.fullmatch(WORD, words[0]):
            yield words[0]


def in_makefile(text):
    for line in re.findall(r"(?m)^\t(.*)|\$\(shell (.*)", text):
        line = re.sub(r"\$\(call say,[^)]*\)+|\$\([QB]\)|^[@-]", "", "".join(line)).replace("$$", "$")
        yield from in_shell(re.sub(r"\$\([a-z]+ ", " ", line))  # functions of make


def called():
    """{program: a file that calls it}"""
    found = {}
    for folder, folders, files in os.walk(TOP):
        folders[:] = sorted(d for d in folders if d not in ("build", "share") and d[0] != ".")
        for path in (os.path.join(folder, name) for name in sorted(files)):
            name = os.path.relpath(path, TOP)
            if ELSEWHERE.match(name) or os.path.islink(path):
                continue
            if name.endswith(".mk") or name == "Makefile":
                words = in_makefile(read(path))
            elif name.endswith(".py"):
                words = PYTHON.findall(read(path))
            elif os.access(path, os.X_OK) and read(path).startswith("#!/bin/sh") or name.endswith(".sh"):
                words = set(in_shell(read(path))) - set(re.findall(r"(?m)^(\w+)\(\)", read(path)))
            else:
                continue
            found.update((w, name) for w in words)
    return found


def always_there(named):
    """The installed packages of `named`, of every Debian, and all that they depend on."""
    form = "${db:Status-Status}\\t${Package}\\t${Essential}${Priority}\\t${Pre-Depends}, ${Depends}\\n"
    rows = [line.split("\t") for line in tools.run("dpkg-query", "-W", "-f", form, stdout=subprocess.PIPE).stdout.splitlines()]
    needs = {r[1]: re.findall(r"(?:^|[,|])\s*([\w.+-]+)", r[3]) for r in rows if r[0] == "installed"}
    found, left = set(), [r[1] for r in rows if "yes" in r[2] or "required" in r[2]] + list(named)
    while left:
        package = left.pop()
        if package in needs and package not in found:
            found.add(package)
            left += needs[package]
    return found


def owners(programs):
    """{program: its package}, of what is here; /bin is /usr/bin, and dpkg knows either name."""
    paths = {}
    for program in programs:
        at = shutil.which(program)
        for way in (at, os.path.realpath(at)) if at and "ccache" not in at else ():
            paths.update({way: program, way.replace("/usr", "", 1): program, "/usr" + way: program})
    said = subprocess.run(["dpkg", "-S", *paths], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    return {paths[line.split(": ")[1]]: line.split(":")[0] for line in said.splitlines() if line.split(": ")[-1] in paths}


def main():
    if not shutil.which("dpkg-query"):
        print("check-tools: no Debian, so nothing is known of its packages")
        return
    setup = read(os.path.join(TOP, "scripts", "setup.mk"))
    lines = re.findall(r"\$\(call needs,([^,]*),(.*)\)$", setup, re.M)
    named = set(re.findall(r"[a-z][\w.+-]+", " ".join(packages for _, packages in lines)))
    for path in glob.glob(os.path.join(TOP, "scripts", "packages*.txt")):
        named |= {line.split()[0] for line in read(path).splitlines() if line[:1].isalnum()}
    wrong, programs = [], called()
    there = always_there(named)
    for program, package in sorted(owners(programs).items()):
        if package not in there:
            wrong.append("%s calls %s, of the package %s, which no list has" % (programs[program], program, package))
    known = set(" ".join(goals for goals, _ in lines).split()) | NO_PACKAGES
    for path in [os.path.join(TOP, "Makefile")] + glob.glob(os.path.join(TOP, "**", "*.mk"), recursive=True):
        wrong += ["%s: the target %s has no line in scripts/setup.mk" % (os.path.relpath(path, TOP), goal)
                  for goal in re.findall(r"(?m)^([a-z][a-z0-9-]*):.*##", read(path)) if goal not in known]
    if wrong:
        sys.exit("check-tools: " + "\ncheck-tools: ".join(wrong))


main()
