#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each function of the hypervisor that releases a lock has taken it, or calls one that returns with it taken.

The functions that exist to take or release a lock for others are named below. A test could see a missing lock only by a
race; this program sees it in the text. The order of locks is in docs/tricks.md.
"""
import glob
import re
import sys

# What takes the lock that this one releases. spin_unlock's is the same expression, or a field of this name.
LETS_GO = {"unlock_pair": ("lock_pair", "lock_with_partner"), "batch_unlock": ("batch_lock",), "unlock": ("lock",)}
TAKES = {"pt_begin": "pt_lock", "queue_lock_vcpu": "lock"}
ENDS_WHAT_OTHERS_BEGAN = {"unlock_pair", "batch_unlock", "unlock", "settle", "upper_end", "ghost_leave"}
BEGINS_WHAT_OTHERS_END = {"lock_pair", "batch_lock", "lock", "pt_begin", "queue_lock_vcpu", "spin_wait", "lock_with_partner"}

FUNCTION = re.compile(r"^(?![\s#{}]|typedef|struct \w+ \{|enum|union)[^\n;={}]*?(\w+)\([^;{}]*\)[^;{}]*?\n\{\n(.*?)^\}", re.S | re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
ARGUMENT = r"\(((?:[^()]|\([^()]*\))*)\)"


def arguments(body, name):
    return set(re.findall(r"\b%s%s" % (name, ARGUMENT), body))


def calls(body, names):
    return [name for name in names if re.search(r"\b%s\(" % name, body)]


def wrong_in(name, body):
    """What is wrong with the locks of a function."""
    taken = arguments(body, "spin_lock") | arguments(body, "spin_trylock")
    let_go = arguments(body, "spin_unlock")
    by_others = {TAKES[f] for f in calls(body, TAKES)}
    if name not in ENDS_WHAT_OTHERS_BEGAN:
        for lock in sorted(let_go - taken):
            if re.search(r"\w+$", lock)[0] not in by_others:
                yield "lets %s go without taking it" % lock
        for pair in calls(body, LETS_GO):
            if not calls(body, LETS_GO[pair]):
                yield "calls %s() and none of %s()" % (pair, "(), ".join(LETS_GO[pair]))
    if name in BEGINS_WHAT_OTHERS_END and not taken and not calls(body, BEGINS_WHAT_OTHERS_END):
        yield "takes no lock"
    if name in ENDS_WHAT_OTHERS_BEGAN and not let_go and not calls(body, ENDS_WHAT_OTHERS_BEGAN):
        yield "lets no lock go"
    if name not in BEGINS_WHAT_OTHERS_END:
        for lock in sorted(taken - let_go):
            yield "takes %s and never lets it go" % lock


def main():
    bad = functions = 0
    for path in sorted(glob.glob("hypervisor/*/*.[ch]")):
        if path.endswith("lib/spinlock.h"):
            continue
        with open(path) as f:
            text = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), f.read())
        for m in FUNCTION.finditer(text):
            functions += "spin_" in m[2]
            for what in wrong_in(m[1], m[2]):
                print("%s:%d: %s %s" % (path, text.count("\n", 0, m.start()) + 1, m[1], what))
                bad += 1
    if functions < 80:
        print("only %d functions with locks were found: this script does not read the source any more" % functions)
        bad += 1
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
