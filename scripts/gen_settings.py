#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen_settings.py RL PAGE: the page with its table of settings as `RL help settings` has them, to standard output."""
import re, subprocess, sys

BEGIN, END = "<!-- settings: made by scripts/gen_settings.py; `make docs` renews it -->\n", "<!-- end of the settings -->\n"


def table(rl):
    told = subprocess.run([rl, "help", "settings"], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = re.findall(r"^  (\w+) +(.*) \[(.*)\]$", told, re.M)
    if len(rows) != len(told.split("\n\n", 1)[1].splitlines()):
        sys.exit(f"{rl} help settings: a line is not of the form `  key  meaning [default]`")
    return "| setting | meaning | default |\n|---|---|---|\n" + "".join(f"| `{k}` | {m} | {d} |\n" for k, m, d in rows)


if __name__ == "__main__":
    text = open(sys.argv[2]).read()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{sys.argv[2]}: the two comments around the table are not there")
    before, rest = text.split(BEGIN)
    sys.stdout.write(before + BEGIN + "\n" + table(sys.argv[1]) + "\n" + END + rest.split(END)[1])
