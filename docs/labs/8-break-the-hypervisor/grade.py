#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 8: each attack runs against Ringlet, which must stand, and against a hypervisor with one check taken out, which
must fall: so an attack that is none is seen. What stopped it is compared with what happened, and with what was taken out.
The judge's marks and the hypervisor's auditor, which QEMU sees running, decide; what is printed does not.
"""

import hashlib
import os
import re
import shutil

from grading import BUILD, Points, Watch, answers, judge_image, make, require, symbols
from lab_trees import apply

NAME = "8-break-the-hypervisor"
LAB, OUT = os.path.join("docs", "labs", NAME), os.path.join(BUILD, "labs", NAME)
RETURNED, LOOT, HELD = 32, 120, 121  # judge.c's marks
ATTACKS = (("table", ("pv64", "pv32")), ("linear", ("pv64", "pv32")), ("tlb", ("pv64", "pv32")), ("pointer", ("pv64",)))
SOURCE = ("Makefile", "abi", "hypervisor", "scripts", os.path.join(BUILD, "abi"), os.path.join(BUILD, "hypervisor"))
FUNCTION = re.compile(r"^(?:\w[^;{}()\n]*[ *])?(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.M | re.S)


def contents(path):
    with open(path, "rb") as f:
        return f.read()


def build_weak(tree, patch):
    """The hypervisor with the patch in `tree`; not again, if it is there already and was made from the same."""
    made_of, stamp = hashlib.sha256(contents(os.path.join(BUILD, "ringlet.elf")) + contents(patch)).hexdigest(), tree + ".made-of"
    if os.path.exists(stamp) and contents(stamp).decode() == made_of:
        return
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, BUILD))
    for path in SOURCE:
        put = shutil.copytree if os.path.isdir(path) else shutil.copy2
        put(path, os.path.join(tree, path))
    trouble = apply(os.path.abspath(patch), tree)
    require(not trouble, "%s does not apply: %s" % (patch, trouble))
    make("-C", tree, os.path.join(BUILD, "ringlet.elf"))
    with open(stamp, "w") as f:
        f.write(made_of)


def weaken(name):
    """Build the hypervisor without the check: its image, and `file function` of what the patch changed."""
    tree, patch = os.path.join(OUT, "weak-" + name), os.path.join(LAB, "weaken-%s.patch" % name)
    build_weak(tree, patch)
    file = re.search(r"^\+\+\+ b/(\S+)", open(patch).read(), re.M)[1]
    before, after = (dict(FUNCTION.findall(open(os.path.join(t, file)).read())) for t in (".", tree))
    changed = [f for f in before if before[f] != after.get(f)]
    require(len(changed) == 1, "%s changes %s: one function is wanted" % (patch, changed))
    return os.path.join(tree, BUILD, "ringlet.elf"), [file, changed[0]]


def run(kind, attack, hypervisor=None):
    """(what it came to, was there loot, was the auditor content)"""
    debug = os.path.join(os.path.dirname(hypervisor or os.path.join(BUILD, "x")), "ringlet.debug.elf")
    auditor = symbols(debug)
    watched = Watch("%s attack=%s" % (os.path.join(OUT, "judge-%s.elf" % kind), attack),
                    {name: (auditor[name],) * 2 for name in ("audit_run", "audit_wrong")})
    watched.run("audit=exit", **({"XEN": hypervisor} if hypervisor else {}))
    names, marks = [name for name, _, _ in watched.seen], watched.marks()
    require(len(marks) == 2 and marks[0] < LOOT <= marks[1] and "audit_run" in names, "the attack did not come to its end: " +
            (re.search(r"RESULT (error .*)$", watched.text, re.M) or [0, watched.text[-400:]])[1])
    came = ["fault", str(marks[0])] if marks[0] < RETURNED else [str(RETURNED - marks[0])]
    return came, marks[1] == LOOT, "audit_wrong" not in names


class Attack:
    """One attack on both hypervisors; `result` and `check` are what the answers are compared with."""

    def __init__(self, name, kinds):
        self.name, self.kinds = name, kinds
        self.image = self.result = self.check = None

    def prepare(self):
        self.image, self.check = weaken(self.name)

    def judge(self, kind):
        came, loot, content = run(kind, self.name)
        require(not loot and content, "Ringlet itself has fallen, or what you call loot is allowed by mmu_update")
        _, loot, content = run(kind, self.name, self.image)
        require(loot, "the weak hypervisor has stood as well: this attack does not need the check that was taken out")
        require(not content, "there is loot, but the auditor has seen nothing")
        if kind == "pv64":
            self.result = came

    def answered(self, what):
        given = answers(os.path.join(LAB, "answers.txt")).get("%s.%s" % (self.name, what))
        require(given, "%s.%s is not answered" % (self.name, what))
        truth = getattr(self, what)
        require(truth, "the attack gave nothing to compare with")
        require(given == truth, "%s.%s: not %s" % (self.name, what, " ".join(given)))


def main():
    points = Points()
    built = "the attacks can be built"
    points.setup(built, lambda: [judge_image(NAME, kind) for kind in ("pv64", "pv32")])
    for name, kinds in ATTACKS:
        attack = Attack(name, kinds)
        weak = "%s: a hypervisor without the check can be built" % name
        points.setup(weak, attack.prepare)
        for kind in kinds:
            points.point("%s, %s: without the check there is loot, on Ringlet there is none" % (name, kind),
                         lambda: attack.judge(kind), 3 if kind == "pv64" else 2, [built, weak])
        points.point("%s: what became of it on Ringlet" % name, lambda: attack.answered("result"), 1, [built, weak])
        points.point("%s: the check that stopped it" % name, lambda: attack.answered("check"), 2, [weak])
    points.end()


if __name__ == "__main__":
    main()
