#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen_man.py RL PAGE: the manual page rl.1 or rl.cfg.5 from what `RL help` prints, as roff (man(7)), to standard output."""

import itertools
import re
import subprocess
import sys


def told(rl, *words):
    return subprocess.run([rl, "help", *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def roff(text):
    """As it is: no escapes, no requests."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    return re.sub(r"(?m)^(?=[.'])", r"\\&", text.replace("'", "\\(aq"))


def as_typed(text):
    return ".nf\n%s\n.fi\n" % roff(text.strip("\n"))


def paragraph(text):
    """Indented lines stay as they are; others are filled."""
    parts = itertools.groupby(text.strip("\n").split("\n"), lambda line: line.startswith("  "))
    return "".join((as_typed if typed else lambda t: roff(t) + "\n")("\n".join(lines)) for typed, lines in parts)


def paragraphs(text):
    return ".PP\n".join(paragraph(part) for part in re.split(r"\n{2,}", text) if part.strip())


def rl_1(rl):
    page = told(rl, "rl")
    begin, *verbs = page.split("\n----\n")
    name, usage, verb_list, rest = begin.split("\n\n", 3)
    out = '.TH RL 1 "" "Ringlet" "Ringlet"\n.SH NAME\n%s\n' % roff(name)
    out += ".SH SYNOPSIS\n.B rl\n.I VERB\n[arguments]\n.SH DESCRIPTION\n" + as_typed(verb_list) + ".PP\n" + paragraphs(rest)
    out += ".SH VERBS\n"
    for verb in verbs:
        usage, text = verb.strip("\n").split("\n\n", 1)
        out += ".SS %s\n%s" % (roff(usage.removeprefix("usage: ")), paragraphs(text))
    return out + ".SH SEE ALSO\n.BR rl.cfg (5)\n"


def rl_cfg_5(rl):
    name, *rest = told(rl, "rl.cfg").split("\n\n")
    out = '.TH RL.CFG 5 "" "Ringlet" "Ringlet"\n.SH NAME\n%s\n.SH DESCRIPTION\n' % roff(name)
    settings, intro = rest.pop(), rest.pop()
    out += paragraphs("\n\n".join(rest)) + ".SH SETTINGS\n%s\n" % roff(intro)
    for line in settings.strip("\n").split("\n"):
        key, meaning = line.split(None, 1)
        out += ".TP\n.B %s\n%s\n" % (roff(key), roff(meaning))
    return out + ".SH SEE ALSO\n.BR rl (1)\n"


PAGES = {"rl.1": rl_1, "rl.cfg.5": rl_cfg_5}

if len(sys.argv) != 3 or sys.argv[2] not in PAGES:
    sys.exit(__doc__)
sys.stdout.write(PAGES[sys.argv[2]](sys.argv[1]))
