# SPDX-License-Identifier: MIT
"""The hypervisor's rooms in their order (scripts/check-layers.py), and which rooms each of them uses, by its includes."""
import glob
import importlib.util
import os
import re

from picture import Picture

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
HIGH, LEFT, NAME, WORDS, CELL = 30, 20, 80, 300, 26
SAYS = {"lib": "types, lists, locks, printk", "cpu": "one processor: descriptors, timers, IPIs",
        "pc": "the devices of a virtual PC", "guest": "what a domain and a vCPU are", "mm": "frames, page tables, guest memory",
        "dev": "consoles, ACPI, interrupt lines", "gnt": "grants", "evt": "event channels", "sched": "which vCPU runs where",
        "dom": "the life and control of domains", "trace": "tracing and accounting", "pv": "what differs between pv32 and pv64",
        "emul": "instructions executed for guests", "fv": "unmodified kernels in ring 1", "entry": "the doors: traps, hypercalls",
        "audit": "the auditor", "boot": "from the boot loader to Dom0", "ghost": "a model that judges each hypercall"}


def order():
    """Rooms, lowest first, as they are checked."""
    spec = importlib.util.spec_from_file_location("layers", os.path.join(TOP, "scripts", "check-layers.py"))
    layers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layers)
    heights = next(p for p in layers.PARTS if p.name == "hypervisor").order
    return sorted(heights, key=heights.get)


def used(room, rooms):
    """Rooms whose headers the files of `room` include."""
    found = set()
    for path in glob.glob(os.path.join(TOP, "hypervisor", room, "*")):
        with open(path, errors="replace") as f:
            found.update(re.findall(r'#include "(\w+)/', f.read()))
    return found & set(rooms) - {room}


def draw():
    rooms = order()
    grid = LEFT + NAME + WORDS + 24
    p = Picture(grid + CELL * len(rooms) + 20, 76 + HIGH * len(rooms) + 40, "The rooms of the hypervisor, the lowest at the bottom",
                "Each room is a row and uses only rooms below it; a dot in a row marks a room that it uses. From the bottom: "
                + ", ".join(rooms) + ".")
    for n, room in enumerate(rooms):
        x, y = grid + CELL * n + CELL / 2, 60
        p.add("text", room, x=x, y=y, class_="muted", transform="rotate(-60 %g %g)" % (x, y))
    for row, room in enumerate(reversed(rooms)):
        y, number = 70 + HIGH * row, len(rooms) - 1 - row
        p.box(LEFT, y, NAME, HIGH - 4, ["*" + room + "/"], "ring0")
        p.lines(LEFT + NAME + 12, y + 18, [SAYS[room]])
        for n, other in enumerate(rooms[:number]):
            x = grid + CELL * n + CELL / 2
            p.add("circle", cx=x, cy=y + 13, r=5 if other in used(room, rooms) else 1.5, class_="head")
    p.lines(LEFT, 76 + HIGH * len(rooms) + 20, ["~A dot: the room of this row includes headers of the room above the dot. No dot is to the right of a "
                                                "room's own column: no use goes up."])
    return p
