# SPDX-License-Identifier: MIT
"""Mutants that are not chosen by hand: small changes of the C source by rule, drawn at random. For scripts/mutants.py --fresh."""

import glob
import os
import random
import re

from mutants import TOP, Mutant

# Where a room's source is, and what is left out there: code that only reports (dumps, reports) or itself tests (auditors).
SOURCES = {"stored": "dom0-tools/stored", "lib": "dom0-tools/lib"}
NOT = re.compile(r"/(audit\w*|report|debug|info)\.c$|/dom0-tools/lib/(err|reason|timeline|conlog|home|hv|privcmd|evtchn)\.c$")
TELLS = re.compile(r"print[kf]|puts\(|perror|log_|trace_point|snprintf|BUG|panic|_Static_assert|domain_crash|fail\(|_dump")
CALLS = re.compile(r"^\t+(?!return)\w*(?:put|get|lock|flush|drop|free|wake|stop|close|clear|mark|notify|memset|unmask|set|raise|"
                   r"unlink|forget|release|restore|save|undo|demote|load)\w*\((?:[^()]|\([^()]*\))*\);$", re.M)
CONDITION = re.compile(r"\bif \(((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*)\)")
SWAPS = ((" < ", " <= "), (" <= ", " < "), (" > ", " >= "), (" >= ", " > "), (" == ", " != "), (" != ", " == "))


class Fresh(Mutant):
    """One place of a file, by its offset. Lines keep their numbers: some code contains them."""

    fresh = True

    def __init__(self, room, file, text, start, end, new):
        super().__init__(room, "", file, "")
        self.start, self.end, self.old = start, end, text[start:end]
        self.new = new + "\n" * (self.old.count("\n") - new.count("\n"))
        self.line = text.count("\n", 0, start) + 1

    def describe(self):
        self.name = "%s:%d" % (self.file, self.line)
        self.harm = "%s  ->  %s" % (" ".join(self.old.split()), " ".join(self.new.split()) or "nothing")

    def apply(self, text):
        if text[self.start:self.end] != self.old:
            raise ValueError("%s has changed" % self.file)
        return text[:self.start] + self.new + text[self.end:]


def operands(condition, word):
    """Where the operands of `word` (&& or ||) lie at the top of a condition: [(start, end)]."""
    depth, start, found = 0, 0, []
    for i, c in enumerate(condition):
        depth += (c == "(") - (c == ")")
        if not depth and condition.startswith(word, i):
            found.append((start, i))
            start = i + len(word)
    return found + [(start, len(condition))] if found else []


def of_condition(at, condition):
    """(start, end, new) of the changes to the condition at offset `at`."""
    inner = re.fullmatch(r"(?:un)?likely\((.*)\)", condition, re.S)
    if inner and not operands(condition, "&&") and not operands(condition, "||"):
        yield from of_condition(at + condition.index("(") + 1, inner[1])
        return
    yield at, at + len(condition), "0"
    yield at, at + len(condition), "!(%s)" % condition
    for word, nothing in (("&&", " 1 "), ("||", " 0 ")):
        for start, end in operands(condition, word):
            yield at + start, at + end, nothing
    for old, new in SWAPS:
        for m in re.finditer(re.escape(old), condition):
            yield at + m.start(), at + m.end(), new


def changes(text):
    """All (start, end, new) of a file."""
    for m in CONDITION.finditer(text):
        if not TELLS.search(m[0]):
            yield from of_condition(m.start(1), m[1])
    for m in CALLS.finditer(text):
        if not TELLS.search(m[0]):
            yield m.start(), m.end(), "\t;"
    for m in re.finditer(r"(?<=\w) [-+] 1(?=[;,)\]])", text):
        yield m.start(), m.end(), ""
    for m in re.finditer(r" & ~\w+(?=[;)])", text):
        yield m.start(), m.end(), ""


def room_files(room):
    folder = SOURCES.get(room, "hypervisor/" + room)
    return sorted(f for f in glob.glob(os.path.join(TOP, folder, "*.[ch]")) if not NOT.search(f))


def comments_blanked(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


class Excused:
    """What the excused mutants make of their files."""

    def __init__(self, mutants):
        self.results = {(m.file, self.words(m)) for m in mutants}
        self.files = {m.file for m in mutants}

    @staticmethod
    def words(mutant):
        with open(os.path.join(TOP, mutant.file)) as f:
            return "".join(mutant.apply(f.read()).split())

    def has(self, mutant):
        return mutant.file in self.files and (mutant.file, self.words(mutant)) in self.results


def pool_of(room):
    """All mutants of a room."""
    found = []
    for path in room_files(room):
        with open(path) as f:
            text = f.read()
        found += [Fresh(room, os.path.relpath(path, TOP), text, *change) for change in changes(comments_blanked(text))]
    return found


def fresh(count, seed, words, excused):
    """`count` mutants (or all there are), the same for the same seed and source, from the rooms of rooms.txt with one of
    `words` in their names; none that is excused."""
    with open(os.path.join(TOP, "tests", "mutants", "rooms.txt")) as f:
        rooms = dict(line.rstrip("\n").split(": ", 1) for line in f if ": " in line and not line.startswith("#"))
    pools = [pool_of(room) for room in rooms if any(word in room for word in words)]
    draw, chosen, excused = random.Random(seed), [], Excused(excused)
    while len(chosen) < count and any(pools):
        for pool in filter(None, pools):  # from each room in turn
            mutant = pool.pop(draw.randrange(len(pool)))
            if len(chosen) < count and not excused.has(mutant):
                mutant.tests = rooms[mutant.room].split()
                mutant.describe()
                chosen.append(mutant)
    return chosen
