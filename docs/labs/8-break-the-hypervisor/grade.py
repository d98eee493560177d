#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lab 8: each attack runs against Ringlet, which must stand, and against a hypervisor with one check taken out, which
must fall: so an attack that is none is seen. What stopped it is compared with what happened, and with what was taken out.
"""

import os
import re
import shutil

from grading import BUILD, Tap, answers, boot, make, require
from labs import apply

LAB = "docs/labs/8-break-the-hypervisor"
OUT = os.path.join(BUILD, "labs", "8-break-the-hypervisor")
ATTACKS = (("table", ("pv64", "pv32")), ("linear", ("pv64", "pv32")), ("tlb", ("pv64", "pv32")), ("pointer", ("pv64",)))
SOURCE = ("Makefile", "abi", "hypervisor", "scripts", os.path.join(BUILD, "abi"), os.path.join(BUILD, "hypervisor"))
FUNCTION = re.compile(r"^(?:\w[^;{}()\n]*[ *])?(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.M | re.S)


def weaken(name):
    """Build the hypervisor without the check: its image, and `file function` of what the patch changed."""
    tree, patch = os.path.join(OUT, "weak-" + name), os.path.join(LAB, "weaken-%s.patch" % name)
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, BUILD))
    for path in SOURCE:
        put = shutil.copytree if os.path.isdir(path) else shutil.copy2
        put(path, os.path.join(tree, path))
    trouble = apply(os.path.abspath(patch), tree)
    require(not trouble, "%s does not apply: %s" % (patch, trouble))
    make("-C", tree, os.path.join(BUILD, "ringlet.elf"))
    file = re.search(r"^\+\+\+ b/(\S+)", open(patch).read(), re.M)[1]
    before, after = (dict(FUNCTION.findall(open(os.path.join(t, file)).read())) for t in (".", tree))
    changed = [f for f in before if before[f] != after.get(f)]
    require(len(changed) == 1, "%s changes %s: one function is wanted" % (patch, changed))
    return os.path.join(tree, BUILD, "ringlet.elf"), [file, changed[0]]


def run(kind, attack, **hypervisor):
    """(what it came to, was there loot, was the auditor content)"""
    image = os.path.join(OUT, "judge-%s.elf" % kind)
    text = boot("%s attack=%s" % (image, attack), "audit=exit", limit=30, **hypervisor)
    came = re.search(r"^(?:RETURNED (-?\d+)|(FAULTED) (\d+))$", text, re.M)
    require(came, "the attack did not come to its end: " + (re.search(r"RESULT (error .*)$", text, re.M) or [0, text[-400:]])[1])
    return ([came[1]] if came[1] else ["fault", came[3]], re.search(r"^LOOT ", text, re.M) is not None,
            re.search(r"audit: \d+ frames, ok", text) is not None)


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
        if kind == "pv64":
            self.result = came
        require(self.image, "there is no weak hypervisor to try it on")
        _, loot, content = run(kind, self.name, XEN=self.image)
        require(loot, "the weak hypervisor has stood as well: this attack does not need the check that was taken out")
        require(not content, "there is loot, but the auditor has seen nothing")

    def answered(self, what):
        given = answers(os.path.join(LAB, "answers.txt")).get("%s.%s" % (self.name, what))
        require(given, "%s.%s is not answered" % (self.name, what))
        truth = getattr(self, what)
        require(truth, "the attack gave nothing to compare with")
        require(given == truth, "%s.%s: not %s" % (self.name, what, " ".join(given)))


def main():
    tap = Tap()
    tap.step("the attacks can be built",
             lambda: make(os.path.join(BUILD, "ringlet.elf"), *(os.path.join(OUT, "judge-%s.elf" % k) for k in ("pv64", "pv32"))))
    for name, kinds in ATTACKS:
        attack = Attack(name, kinds)
        tap.step("%s: a hypervisor without the check can be built" % name, attack.prepare)
        for kind in kinds:
            tap.step("%s, %s: without the check there is loot, on Ringlet there is none" % (name, kind),
                     lambda a=attack, k=kind: a.judge(k))
        tap.step("%s: what became of it on Ringlet" % name, lambda a=attack: a.answered("result"))
        tap.step("%s: the check that stopped it" % name, lambda a=attack: a.answered("check"))
    tap.end()


if __name__ == "__main__":
    main()
