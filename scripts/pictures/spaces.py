# SPDX-License-Identifier: MIT
"""Address spaces of pv32, pv64 and fv. The hypervisor's addresses are those of hypervisor/mm/mm.h."""
import os
import re

from picture import Picture

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
COLUMN, GAP, LEFT = 196, 14, 146


def addresses():
    """Root-table slots and addresses that mm.h names."""
    with open(os.path.join(TOP, "hypervisor", "mm", "mm.h")) as f:
        text = f.read()
    found = {name: int(value) for name, value in re.findall(r"#define (SLOT_\w+)\s+(\d+)", text)}
    found.update({name: int(value, 16) for name, value in re.findall(r"#define (\w+_VA|\w+_END)\s+(0x[0-9a-f]+)ull", text)})
    return found


def of_slot(slot):
    """Where the 512 GiB of a root-table entry begin, with the sign extended."""
    at = slot << 39
    return at | (0xffff << 48 if slot >= 256 else 0)


def draw():
    a = addresses()
    upper = [(a["SLOT_LAST"] + 1, "above the hypervisor"), (a["SLOT_DIRECT"], "direct map"), (a["SLOT_IMAGE"], "image"),
             (a["SLOT_WINDOW"], "windows"), (a["SLOT_M2P"], "M2P")]
    ring0 = {"direct map": ["*direct map", "~all RAM, not executable"], "image": ["*Ringlet's image"],
             "windows": ["*GDTs and LDTs"], "M2P": ["*machine to physical"]}
    kinds = (
        ("pv64, its kernel's tables", ("kernel", ["*the guest's kernel"]), "~read by the guest's kernel",
         [(220, "app", ["*the application's half", "seen by the kernel too"])]),
        ("pv64, an application's tables", ("none", ["~not mapped"]), "~not mapped for the guest",
         [(220, "app", ["*the application"])]),
        ("pv32", ("none", ["~beyond 32 bits"]), "~unused: see below 4 GiB",
         [(40, "none", ["~beyond 32 bits"]), (44, "ring0", ["*M2P, read-only", "`%x" % a["COMPAT_M2P_VA"]]),
          (62, "kernel", ["*the guest's kernel", "~ring 1"]), (74, "app", ["*the application", "~ring 3"])]),
        ("fv", ("none", ["~beyond 32 bits"]), "~no use to the guest",
         [(40, "none", ["~beyond 32 bits"]), (106, "kernel", ["*the native kernel", "~ring 1, by shadow tables"]),
          (74, "app", ["*the application", "~ring 3"])]))
    heights = (56, 42, 26, 26, 42)
    p = Picture(LEFT + len(kinds) * (COLUMN + GAP), 96 + sum(heights) + 220, "Address spaces, high addresses above",
                "Slots 256 to 271 of every root table are the hypervisor's: machine-to-physical table, descriptor windows, "
                "image and direct map. A pv64 guest's kernel lies above them, its applications below; in an application's "
                "own tables the kernel is not mapped. pv32 and fv guests have only the addresses below 4 GiB.")
    y = 58
    for (slot, what), high in zip(upper, heights):
        p.lines(12, y + high - 8, ["`%016x" % of_slot(slot)])
        for k, (name, above, m2p, _) in enumerate(kinds):
            lines = ring0.get(what, above[1])
            if what == "M2P":
                lines = lines + [m2p]
            p.box(LEFT + k * (COLUMN + GAP), y, COLUMN, high - 2, lines, "ring0" if what in ring0 else above[0])
        y += high
    for k, (name, _, _, below) in enumerate(kinds):
        x, at = LEFT + k * (COLUMN + GAP), y
        p.lines(x, 46, ["*" + name])
        for high, class_, lines in below:
            p.box(x, at, COLUMN, high - 2, lines, class_)
            at += high
    p.lines(12, y + 12, ["~(hole: not canonical)"])
    p.lines(12, y + 44, ["`0000000100000000", "~(pv32, fv: 4 GiB)"])
    p.lines(12, y + 214, ["`0000000000000000"])
    p.lines(LEFT, y + 242, ["~Heights say nothing of sizes. Supervisor pages (blue) are out of every guest's reach, except for the M2P, "
                            "which some may read."])
    return p
