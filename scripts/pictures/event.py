# SPDX-License-Identifier: MIT
"""The bits of an event, from EVTCHNOP_send to the upcall (the rules in hypervisor/evt/port.c)."""
from picture import Picture

STEPS = (("EVTCHNOP_send", ["a port of the sender;", "its other end is found"], "kernel"),
         ("pending", ["one bit for each port", "in shared_info"], "ring0"),
         ("mask", ["one bit for each port;", "the guest writes it"], "ring0"),
         ("selector", ["one bit for each word of", "pending, per vCPU"], "ring0"),
         ("upcall pending", ["one byte; if it was 0: wake", "the vCPU, or fetch it (IPI)"], "ring0"),
         ("upcall mask", ["one byte: the guest's IF,", "inverted"], "ring0"),
         ("callback", ["entered like an interrupt", "gate: the mask is set"], "kernel"))
STOPS = (None, "was 1: sent before", "is 1: waits for unmask", "was 1", "was 1", "is 1: waits until it is cleared", None)


def draw():
    high = 52
    p = Picture(880, 80 + len(STEPS) * (high + 18), "One event: bits on the way to the upcall",
                "A send sets the port's pending bit; if it was clear and the port is not masked, the selector's bit of the "
                "vCPU; if that was clear, the vCPU's upcall byte. Then the vCPU is woken or fetched out of its guest, and on "
                "the way into the guest its callback is entered if the upcall mask is clear.")
    y = 44
    for n, ((name, lines, class_), stop) in enumerate(zip(STEPS, STOPS)):
        p.box(40, y, 190, high, ["*" + name] + lines, class_)
        if stop:
            p.arrow([(230, y + high / 2), (330, y + high / 2)], dashed=True)
            p.lines(338, y + high / 2 + 4, [stop + ": stops here"])
        if n + 1 < len(STEPS):
            p.arrow([(135, y + high), (135, y + high + 18)])
        y += high + 18
    p.lines(640, 70, ["*Who writes what", "The hypervisor sets pending,", "selector and upcall pending.", "The guest clears them:",
                      "upcall pending first,", "then the selector's bits,", "then pending."])
    p.lines(640, 210, ["*No wake-up is lost", "Each side writes, then looks", "at what the other writes", "(W1 to W4, evt/port.c)."])
    p.lines(640, 302, ["*An event is an edge", "Two sends before the guest", "looks are one event."])
    p.lines(40, y + 14, ["~xen/event_channel.h, xen/xen.h: shared_info, vcpu_info"])
    return p
