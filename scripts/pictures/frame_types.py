# SPDX-License-Identifier: MIT
"""The states of a frame's type (the essay in hypervisor/mm/page.c)."""
from picture import Picture


def draw():
    p = Picture(880, 430, "What a frame is: its type and how many rely on it",
                "A frame has one type at a time: none, writable, page table of level 1 to 4, or descriptor table. The type "
                "changes only while nobody uses it. A frame becomes a table by validation, after every processor that may "
                "remember the old use was flushed; large tables may stop half way as partial tables.")
    p.box(330, 60, 220, 60, ["*nobody uses it", "count 0; the last type is kept,", "with a stamp of the flush clock"], "none")
    p.box(20, 180, 200, 60, ["*writable", "count: writable mappings", "mapped by L1 entries"], "app")
    p.box(330, 180, 220, 60, ["*not validated yet", "count 1; nobody else can get it", "flush its CPUs: rule 5"], "none")
    p.box(660, 180, 200, 60, ["*descriptor table", "count: windows that show it", "every descriptor harmless"], "kernel")
    p.box(330, 300, 220, 76, ["*table of level 1 to 4", "count: entries, roots and pins", "that use it; changed only by", "pt_change_l1, pt_change_upper"], "kernel")
    p.box(20, 300, 200, 76, ["*partial", "validated or taken apart", "up to an entry; goes on", "from there (mm/partial.c)"], "none")
    p.arrow([(330, 80), (120, 80), (120, 180)], ["first writable mapping;", "if the type was another: flush"], (126, 140), "start")
    p.arrow([(90, 180), (90, 66), (330, 66)], ["last one gone: stamp"], (200, 58))
    p.arrow([(440, 120), (440, 180)], ["first use as a table"], (446, 154), "start")
    p.arrow([(550, 210), (660, 210)], ["audited"], (580, 204))
    p.arrow([(760, 180), (760, 90), (550, 90)], ["last use gone: stamp"], (655, 84))
    p.arrow([(440, 240), (440, 300)], ["each entry's use was got"], (446, 274), "start")
    p.arrow([(330, 226), (270, 226), (270, 330), (220, 330)], ["other work is due"], (262, 272), "end")
    p.arrow([(220, 356), (330, 356)], ["goes on"], (275, 350))
    p.arrow([(550, 340), (610, 340), (610, 104), (550, 104)], ["last use gone:", "children put, stamp"], (616, 280), "start")
    p.lines(20, 412, ["~Claim (A): no frame is at once writable by a guest and in use as a page table. A frame also has a "
                      "reference count; it is freed when that is 0."])
    return p
