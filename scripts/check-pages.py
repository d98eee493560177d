#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the pages name exists: links, files, functions, targets of make, verbs of rl, options of the hypervisor. Each page of
docs/ is reached from docs/README.md and stands in README.md's table, and an abbreviation that two of them use has an entry in the
glossary. The tables of variables, verbs and options have all that there are, and no other.

A page is every .md of the project. Code in `backquotes` and blocks of commands are read; what is no name of the kinds
above is skipped, and so is one with a part in capitals (NAME.c), which stands for any. The makefiles tell what the build
makes. Names of other projects' programs are in ELSEWHERE.
"""
import functools
import glob
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOMS = ("", "hypervisor", "guest-kernel", "dom0-tools", "tests", "scripts", "abi", "docs", "abi/include", "tests/system",
         "tests/host", "dom0-tools/lib", "guest-kernel/kern", "guest-kernel/user")  # where a short path may begin
SOURCE = ("*.c", "*.h", "*.asm", "*.inc", "*.def", "*.py", "*.mk", "*.sh", "*.s", "*.pml", "*.mut", "*.list", "*.md")
PATH = re.compile(r"^[\w.+-]*(?:/[\w.+*-]+)*/?(?::\d+)?$")
ENDS = re.compile(r"\.(?:c|h|asm|inc|def|py|mk|sh|md|pml|mut|svg|lds|txt|cfg)$")
ELSEWHERE = {"x.c", "array_index_nospec", "arch/x86/lguest/boot.c"}  # an example's; Linux's
# Abbreviations that need no entry: names of products and registers, error numbers, what every reader knows.
PLAIN = re.compile(r"(?:E[A-Z]{4,}|[CD]R\d|R\d+|E[A-Z]X|RC?X|R[A-D]X|QEMU|CPU|RAM|GNU|AMD64|AMD|PC|README|ISO|GRUB|PCI|CVE|MB|INT|MOV|CS"
                   r"|AHCI|ELF|COM1|NASM|KVM|BIOS|JSON|USENIX|SOSP|ASPLOS|WRMSR|RDMSR|LAB|OK|IO|IBM|VMware|LWN|ACM|NMIs|DOI|CP|EFI)")
ANY = re.compile(r"(?:^|[/_])[A-Z]+(?=[._/]|$)")


@functools.lru_cache(None)
def files():
    """Every file and folder of the project except what is built."""
    found = set()
    for folder, inner, names in os.walk(TOP):
        inner[:] = [n for n in inner if n not in (".git", ".cache", "__pycache__") and (folder, n) != (TOP, "build")]
        found.update(os.path.relpath(os.path.join(folder, n), TOP) for n in inner + names)
    return found


def made(path):
    """Whether the build makes a file of this name."""
    return os.path.basename(path) in recipes()


@functools.lru_cache(None)
def recipes():
    """The text of all makefiles."""
    text = ""
    for name in files():
        if name.endswith(".mk") or os.path.basename(name) == "Makefile":
            with open(os.path.join(TOP, name)) as f:
                text += f.read().replace("\\\n", " ")
    return text


@functools.lru_cache(None)
def words():
    """Every word of the source, without the pages."""
    found = set()
    for name in files():
        if name.endswith((".md", ".svg")) or not os.path.isfile(os.path.join(TOP, name)):
            continue
        with open(os.path.join(TOP, name), errors="replace") as f:
            found.update(re.findall(r"\w+", f.read()))
    return found


@functools.lru_cache(None)
def targets():
    """What make knows by name."""
    return set(word for line in re.findall(r"^\.PHONY:(.*)$|^([\w-]+):", recipes(), re.M) for word in " ".join(line).split())


@functools.lru_cache(None)
def verbs():
    """The verbs of rl."""
    text = ""
    for name in glob.glob(os.path.join(TOP, "dom0-tools", "rl", "*.c")):
        with open(name) as f:
            text += f.read()
    return set(re.findall(r'\.name = "([\w-]+)"', text))


def exists(path, page):
    """Whether a path of a page is a file: from its folder, from a room, or the end of one file's path."""
    path = path.split(":")[0].rstrip("/")
    for start in (os.path.dirname(page),) + ROOMS:
        whole = os.path.normpath(os.path.join(start, path)) if start else path
        if whole in files() or ("*" in path and glob.glob(os.path.join(TOP, whole))):
            return True
    return any(name.endswith("/" + path) for name in files())


def anchors(path):
    """What may stand after # in a link to a page, as GitHub makes it from headings."""
    with open(os.path.join(TOP, path)) as f:
        heads = re.findall(r"^#+ (.*)$", f.read(), re.M)
        f.seek(0)
        marks = re.findall(r'<a id="([^"]+)"></a>', f.read())
    return {re.sub(r"[^\w\- ]", "", h.lower().replace("`", "")).replace(" ", "-") for h in heads} | set(marks)


def of_link(target, page):
    """What is wrong with a link."""
    if re.match(r"\w+:", target):
        return None
    path, _, anchor = target.partition("#")
    whole = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
    if whole not in files() and whole != ".":
        return "no file %s" % target
    if anchor and whole.endswith(".md") and anchor not in anchors(whole):
        return "no heading for %s" % target
    return None


def of_code(code, page):
    """What is wrong with `code`."""
    call = re.match(r"^(\w+)\(\)$", code)
    if call:
        return None if call[1] in words() or ANY.search(call[1]) else "no function %s" % code
    goals = re.match(r"^make ((?:[a-z][\w-]*(?: |$))+)", code)
    if goals:
        lost = [t for t in goals[1].split() if t not in targets()]
        return "no target of make: %s" % " ".join(lost) if lost else None
    verb = re.match(r"^rl ([\w-]+)", code)
    if verb:
        return None if verb[1] in verbs() else "no verb of rl: %s" % verb[1]
    if re.match(r"^[a-z]\w*_\w+$", code):
        return None if code in words() or code in ELSEWHERE else "nothing is named %s" % code
    if PATH.match(code) and ENDS.search(code.split(":")[0]) and not code.startswith(("build/", "/", ".")):
        return None if exists(code, page) or made(code) or code in ELSEWHERE or ANY.search(code) else "no file %s" % code
    return None


def check(page):
    """[(line, what)] of a page."""
    found, fenced = [], False
    with open(os.path.join(TOP, page)) as f:
        for number, line in enumerate(f, 1):
            if line.startswith("```"):
                fenced = not fenced
                continue
            if fenced:
                command = re.match(r"^(?:\$ |\S*# )?((?:make|rl) [^#|;]*)", line)
                wrong = [of_code(command[1].strip(), page)] if command else []
            else:
                wrong = [of_link(t, page) for t in re.findall(r"\]\(([^)\s]+)\)", line)]
                wrong += [of_code(c, page) for c in re.findall(r"`([^`]+)`", line)]
            found += [(number, w) for w in wrong if w]
    return found


def first_column(page, pattern):
    """What `pattern` finds in the first cells of a page's tables."""
    with open(os.path.join(TOP, page)) as f:
        cells = re.findall(r"^\| (`(?:\\.|[^|\\])*) \|", f.read(), re.M)
    return {name for cell in cells for name in re.findall(pattern, cell)}


# What make itself, dpkg, the shell's own surroundings, tmux, scripts/gdb/debug.sh, graders and scripts/fresh_mutants.py set.
GIVEN = {"CURDIR", "MAKE", "MAKECMDGOALS", "MAKEFILE_LIST", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMOUT", "PATH",
         "VERSION_CODENAME", "TMUX", "RINGLET_BOOT", "RINGLET_TARGET", "LAB_PAD", "MUTANT"}


def variables():
    """What a user may set: the makefiles use it and never set it, or a program asks the environment for it."""
    text = recipes()
    own = set(re.findall(r"^(?:define |export )?([A-Z_][A-Z0-9_]*)\s*(?:[:+?]?=|$)", text, re.M)) | set(re.findall(r"\(eval ([A-Z_]+) ", text))
    asked = {n for n in re.findall(r"\$\(([A-Z][A-Z0-9_]*)\)", text) if n not in own and not n.startswith("GK_")}
    asked |= set(re.findall(r"^([A-Z]\w*)\s*\?=", text, re.M))
    asked |= set(re.findall(r"\(origin (\w+)", text)) | set(re.findall(r"\$\$\{([A-Z]\w*):?-", text))
    for name in files():
        whole = os.path.join(TOP, name)
        if name.endswith((".md", ".svg", ".gz")) or not os.path.isfile(whole):
            continue
        with open(whole, errors="replace") as f:
            text = f.read()
        if text.startswith("#!/bin/sh"):
            asked |= set(re.findall(r"\$\{([A-Z][A-Z0-9_]*):?-", text)) - set(re.findall(r"^\s*([A-Z_]+)=", text, re.M))
        elif name.endswith(".py"):
            asked |= set(re.findall(r'(?:environ|ENV)(?:\.get\(|\[)"([A-Z][A-Z0-9_]*)"', text))
        elif name.endswith((".c", ".h")):
            asked |= set(re.findall(r'\bgetenv\("([A-Z][A-Z0-9_]*)"', text))
    return asked - GIVEN


def both_ways():
    """[what] of the tables that a page repeats: options of the hypervisor, verbs of rl, variables; and of README's, which has some of
    these."""
    with open(os.path.join(TOP, "hypervisor", "boot", "cmdline.c")) as f:
        options = set(re.findall(r'\{"(\w+)", opt_', f.read()))
    tables = (("docs/options.md", "option", options, r"`(\w+)[=`]"), ("docs/rl.md", "verb", verbs(), r"`([a-z][a-z-]*)(?= [^=]|`)"))
    tables += (("docs/variables.md", "variable", variables(), r"^`([A-Z][A-Z0-9_]*)`$"),)
    for page, kind, real, pattern in tables:
        told = first_column(page, pattern)
        yield from ("%s: the %s %s is missing" % (page, kind, name) for name in sorted(real - told))
        if kind != "verb":
            yield from ("%s: there is no %s %s" % (page, kind, name) for name in sorted(told - real))
    all_told = defaults("docs/variables.md")
    yield from ("README.md: %s is not %s in docs/variables.md" % (name, default) for name, default in sorted(defaults("README.md").items())
                if not all_told.get(name, "").startswith(default))


def defaults(page):
    """{variable: default} of the tables of a page. A row may have several of both."""
    with open(os.path.join(TOP, page)) as f:
        rows = re.findall(r"^\| ((?:`[A-Z][A-Z0-9_]*`(?:, )?)+) \| ([^|]*) \|", f.read(), re.M)
    several = [(names.replace("`", "").split(", "), default) for names, default in rows]
    return {name: value for names, default in several
            for name, value in zip(names, default.split(", ") if len(names) > 1 else [default])}


def links(page):
    """The pages that a page links to."""
    with open(os.path.join(TOP, page)) as f:
        linked = re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", f.read())
    paths = {os.path.normpath(os.path.join(os.path.dirname(page), t)) for t in linked if not re.match(r"\w+:", t)}
    return {p + "/README.md" if p + "/README.md" in files() else p for p in paths if p.endswith(".md") or p + "/README.md" in files()}


def unreached():
    """[what] of the pages of docs/ to which no chain of links within docs/ leads from docs/README.md."""
    seen, todo = set(), ["docs/README.md"]
    while todo:
        page = todo.pop()
        if page not in seen and page in files() and page.startswith("docs/"):
            seen.add(page)
            todo += links(page)
    yield from ("%s: no link leads here from docs/README.md" % p for p in sorted(files())
                if p.startswith("docs/") and p.endswith(".md") and p not in seen)


def unlisted():
    """[what] of the pages of docs/ that README.md, or docs/README.md, does not link to by itself; a folder's README stands for it."""
    for start in ("README.md", "docs/README.md"):
        yield from ("%s: no link to %s" % (start, p) for p in sorted(files())
                    if re.match(r"docs/(?:[\w-]+\.md|[\w-]+/README\.md)$", p) and p not in links(start) | {start})


def unexplained():
    """[what] of the abbreviations that two pages of docs/ use and the glossary lacks."""
    with open(os.path.join(TOP, "docs/glossary.md")) as f:
        rows = re.findall(r"^\| (?:<a [^>]*></a>)?([^|]*) \|", f.read(), re.M)
    known = {term for row in rows for term in re.split(r", ", row)}
    used = {}
    for page in sorted(p for p in files() if re.match(r"docs/[\w-]+\.md$", p) and p != "docs/glossary.md"):
        with open(os.path.join(TOP, page)) as f:
            text = re.sub(r"(?s)^```.*?^```|`[^`]*`|\]\([^)]*\)|\[[A-Za-z]+\]", "", f.read(), flags=re.M)
        for word in set(re.findall(r"\b[A-Z][A-Z0-9]+(?=s?\b)", text)):
            used.setdefault(word, []).append(page)
    yield from ("docs/glossary.md: no entry for %s, which %s use" % (word, " and ".join(where[:2]))
                for word, where in sorted(used.items()) if len(where) > 1 and word not in known and not PLAIN.fullmatch(word))


def main():
    pages = sorted(name for name in files() if name.endswith(".md"))
    if len(pages) < 10:
        sys.exit("check-pages: no pages here")
    wrong = ["%s:%d: %s" % (page, line, what) for page in pages for line, what in check(page)]
    wrong += [*both_ways(), *unreached(), *unlisted(), *unexplained()]
    print("\n".join(wrong), file=sys.stderr)
    if wrong:
        sys.exit("check-pages: %d things that are not as the pages say" % len(wrong))


main()
