# SPDX-License-Identifier: MIT
"""The machine as a stack of rings, for each kind of guest."""
from picture import Picture

COLUMN, GAP, LEFT = 178, 16, 76
ROWS = (("ring 3", 108), ("ring 1", 74), ("ring 0", 74))
# kind: what is in rings 3, 1, 0 (class, lines), what enters ring 0, what protects
KINDS = (
    ("the bare machine, native64", (("app", ["*applications"]),), None, ("kernel", ["*the kernel", "every instruction"]),
     ["a system call is `syscall`", "straight into the kernel"], ["its kernel: U/S of its pages"]),
    ("pv32 (0/1/3)", (("app", ["*applications"]),), ("kernel", ["*the guest's kernel", "asks by int 0x82"]),
     ("ring0", ["*Ringlet"]), ["int 0x80: a gate straight", "into ring 1"],
     ["Ringlet: above 4 GiB, no", "64-bit segment to load", "the kernel: U/S"]),
    ("pv64 (0/3/3)", (("app", ["*applications", "their own page tables"]),
                      ("kernel", ["*the guest's kernel", "asks by syscall"])), None, ("ring0", ["*Ringlet"]),
     ["syscall: to Ringlet, which", "enters the kernel"], ["Ringlet: U/S", "the kernel: not mapped in", "the second page tables"]),
    ("fv (0/1/3)", (("app", ["*applications"]),), ("kernel", ["*the native32 kernel", "unchanged; its privileged", "instructions trap"]),
     ("ring0", ["*Ringlet", "emulates; shadows the", "page tables"]), ["int 0x80: to Ringlet, which", "enters the kernel"],
     ["Ringlet: above 4 GiB", "the kernel: U/S of the", "shadow tables"]),
)


def draw():
    height = 60 + sum(h for _, h in ROWS) + 130
    p = Picture(LEFT + len(KINDS) * (COLUMN + GAP), height, "Rings: who runs where",
                "Four stacks. On the bare machine the kernel is in ring 0. A pv32 guest's kernel is in ring 1 and a pv64 "
                "guest's in ring 3, beside its applications; an fv guest's unmodified kernel is in ring 1. Ringlet is in "
                "ring 0 below all three guests.")
    for k, (name, *_) in enumerate(KINDS):
        p.lines(LEFT + k * (COLUMN + GAP), 46, ["*" + name])
    y = 56
    for row, (ring, high) in enumerate(ROWS):
        p.lines(12, y + high / 2, ["~" + ring])
        for k, (_, above, middle, below, *_) in enumerate(KINDS):
            x = LEFT + k * (COLUMN + GAP)
            if row == 0:
                each = high / len(above)
                for n, (class_, lines) in enumerate(above):
                    p.box(x, y + n * each, COLUMN, each - 4, lines, class_)
            else:
                class_, lines = (middle or ("none", ["~empty"])) if row == 1 else below
                p.box(x, y, COLUMN, high - 4, lines, class_)
        y += high
    for k, (*_, call, protect) in enumerate(KINDS):
        x = LEFT + k * (COLUMN + GAP)
        p.lines(x, y + 16, [line.replace("`", "") for line in call])
        p.lines(x, y + 66, protect)
    p.lines(12, y + 16, ["~system", "~call"])
    p.lines(12, y + 66, ["~what", "~protects"])
    return p
