#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many lines each row of docs/reading-order.md asks to read, so that its hours are honest.

Writes the column `lines`, rounded to 50, and the sum under the table. With --check: fails if a row, or the sum, is
wrong by more than an eighth, so that not every change of the code has to touch the page.

A row's files are its links and the names in `backquotes`: a path from the top, or from the folder of the name before
it, or from one above that, or in any folder of that room. `folder/` alone is all sources in it; `folder/`: only says where the next names are.
`diff -r A B` is what diff prints.
"""
import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(TOP, "docs", "reading-order.md")
SOURCES = (".c", ".h", ".asm", ".inc", ".def", ".md", ".pml")
ROW = re.compile(r"^\| (\d) \| (.*?) \| (?:(\d+) \| )?([^|]*) \|$")
SUM = re.compile(r"^In all [\d,]+ lines.*$", re.M)
AN_HOUR = 700  # lines, a third of them comments: 12 a minute


def lines_of(path):
    if os.path.isdir(path):
        inside = (os.path.join(folder, n) for folder, _, names in os.walk(path) for n in names)
        return sum(lines_of(p) for p in inside if p.endswith(SOURCES))
    with open(path, errors="replace") as f:
        return len(f.read().splitlines())


def find(name, near):
    """The paths that a name stands for, looked for from `near` upwards."""
    while True:
        room = os.path.dirname(near) == TOP
        found = glob.glob(os.path.join(near, name)) or (glob.glob(os.path.join(near, "*", name)) if room else [])
        if found:
            return found
        if near == TOP:
            sys.exit("%s: no file %s" % (os.path.relpath(PAGE, TOP), name))
        near = os.path.dirname(near)


def count(cell):
    total, near = 0, TOP
    for link, name, colon in re.findall(r"\]\(([^)]+)\)|`([^`]+)`(:?)", cell):
        if link:
            total += lines_of(os.path.join(os.path.dirname(PAGE), link))
        elif name.startswith("diff "):
            total += len(subprocess.run(name.split(), cwd=TOP, capture_output=True, check=False).stdout.splitlines())
        else:
            found = find(name.rstrip("/"), near)
            near = found[0] if os.path.isdir(found[0]) else os.path.dirname(found[0])
            total += 0 if colon else sum(map(lines_of, found))
    return total


def rounded(n):
    return max(50, 50 * round(n / 50))


def main():
    check = "--check" in sys.argv[1:]
    with open(PAGE) as f:
        text = f.read()
    out, total, wrong = [], 0, []
    for line in text.splitlines():
        row = ROW.match(line)
        if row:
            n = count(row[2])
            total += n
            if not row[3] or abs(int(row[3]) - n) > max(50, n / 8):
                wrong.append("day %s: %d lines, the page says %s" % (row[1], n, row[3]))
            line = "| %s | %s | %d | %s |" % (row[1], row[2], rounded(n), row[4])
        out.append(line)
    said = "In all %s lines: %d hours at %d lines an hour." % (format(rounded(total), ","), round(total / AN_HOUR), AN_HOUR)
    if check:
        if wrong:
            sys.exit("docs/reading-order.md: %s; run python3 scripts/reading_order.py" % "; ".join(wrong))
        return
    with open(PAGE, "w") as f:
        f.write(SUM.sub(said, "\n".join(out)) + "\n")


main()
