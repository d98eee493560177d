# SPDX-License-Identifier: MIT
"""The life of a domain: from createdomain to the last reference."""
from picture import Picture


def draw():
    p = Picture(880, 372, "The life of a domain",
                "A domain is created paused, without memory. Dom0 gives it memory and a first context and unpauses it. It runs "
                "until it shuts itself down or crashes, or Dom0 destroys it. Dying takes six stages, each of which may stop for "
                "other work; the structure is freed with the last reference.")
    p.box(20, 60, 180, 76, ["*paused, being built", "frames, page tables,", "console, store, context"], "none")
    p.box(290, 60, 190, 76, ["*alive", "each vCPU runs, waits for", "a processor, or sleeps"], "kernel")
    p.box(290, 186, 190, 52, ["*paused", "no vCPU runs; time goes on"], "none")
    p.box(630, 60, 210, 76, ["*shut down", "a reason: poweroff, reboot,", "suspend, crash, watchdog"], "app")
    p.box(630, 186, 210, 134, ["*dying", "0  no vCPU, no timer", "1  event channels closed", "2  roots, descriptors, areas",
                               "3  page tables, frames", "4  others' grants let go", "5  shared_info, its own hold"], "bad")
    p.box(290, 282, 190, 46, ["*gone", "the number is free again"], "none")
    p.arrow([(20, 44), (60, 44), (60, 60)], ["createdomain"], (66, 50), "start")
    p.arrow([(200, 98), (290, 98)], ["unpause"], (240, 90))
    p.arrow([(340, 136), (340, 186)], ["pause"], (334, 166), "end")
    p.arrow([(410, 186), (410, 136)], ["unpause"], (416, 166), "start")
    p.arrow([(480, 84), (630, 84)], ["SCHEDOP_shutdown,", "or a crash"], (555, 62))
    p.arrow([(725, 136), (725, 186)], ["destroy"], (731, 166), "start")
    p.arrow([(480, 120), (540, 120), (540, 226), (630, 226)], ["destroy"], (546, 180), "start")
    p.arrow([(480, 226), (630, 226)])
    p.arrow([(105, 136), (105, 258), (630, 258)], ["destroy: a builder that gave up"], (111, 252), "start")
    p.arrow([(630, 304), (480, 304)], ["last reference"], (556, 298))
    p.lines(20, 356, ["~Each frame that another domain still maps holds a reference: a domain may be dying for long, and its "
                      "memory is then shown under (null)."])
    return p
