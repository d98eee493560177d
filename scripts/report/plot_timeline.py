# SPDX-License-Identifier: MIT
"""The ring timeline of one system call: time runs down, three lanes, one block for each stay in a ring.

Heights are proportional to the number of instructions, on one scale for all arrangements that fit it; one that is many
times longer gets its own scale, which is written above it. Names are beside the lanes, where they do not overlap.
"""

from svg import NAME, TICK, WIDTH, Svg, keep_apart, mono_width
from writing import exact, symbol

LANES = (("application", "app"), ("kernel", "kernel"), ("hypervisor", "hyperv."))
LANE, GAP, TOP = 38, 4, 22
LABELS = 3 * LANE + 3 * GAP + 18
TALLEST, LABEL_GAP = 330, 42
OUTLIER = 4  # how many times the median length a timeline must have to get its own scale


def scales(timelines):
    """{arrangement: (instructions for each pixel, how many times the common scale that is)}"""
    lengths = sorted(t["instructions"] for t in timelines.values())
    usual = lengths[len(lengths) // 2] * OUTLIER
    common = max((n for n in lengths if n <= usual), default=1) / TALLEST
    own = {a: max(common, t["instructions"] / TALLEST) for a, t in timelines.items()}
    return {a: (scale, scale / common) for a, scale in own.items()}


def clip(text, size):
    """The text, or as much of it as fits beside the lanes, with an ellipsis."""
    while mono_width(text, size) > WIDTH - LABELS and len(text) > 2:
        text = text.rstrip("…")[:-1] + "…"
    return text


def length(segment):
    return segment["end"] - segment["start"]


def instructions(n):
    return "%s instruction%s" % (exact(n), "" if n == 1 else "s")


def heaviest(segment, count):
    """Its functions with the most instructions."""
    return sorted(segment["functions"], key=lambda f: -f["instructions"])[:count]


def block(svg, segment, arrangement, y, height):
    """The stay itself; returns its right edge."""
    x = [who for who, _ in LANES].index(segment["who"]) * (LANE + GAP)
    most = ", ".join("%s %d" % (symbol(f["symbol"]), f["instructions"]) for f in heaviest(segment, 8))
    hint = "%s, ring %d, %s: %s" % (segment["who"], segment["ring"], instructions(length(segment)), most)
    svg.rect(x, y, LANE, max(height, 1.5), "stay %s c-%s" % (segment["who"], arrangement.id), hint)
    return x + LANE


def label(svg, segment, y):
    """Where it was entered, for how long, and where most of the time went."""
    svg.text(LABELS, y, clip(symbol(segment["symbol"]), NAME), "name mono")
    svg.text(LABELS, y + 12, "ring %d: %s" % (segment["ring"], instructions(length(segment))), "tick")
    if len(segment["functions"]) > 1:
        most = heaviest(segment, 1)[0]
        svg.text(LABELS, y + 24, clip("%s in %s" % (exact(most["instructions"]), symbol(most["symbol"])), TICK), "tick mono")


def timeline_panel(arrangement, timeline, per_pixel, coarser):
    height = timeline["instructions"] / per_pixel
    stays = timeline["segments"]
    spans = [(s["start"] / per_pixel, s["end"] / per_pixel) for s in stays]
    low = TOP + 8
    high = max(low + height - 12, low + LABEL_GAP * (len(spans) - 1))  # the labels may need more room than the blocks
    said = ", ".join("%s in ring %d for %d" % (s["who"], s["ring"], length(s)) for s in stays)
    svg = Svg(max(TOP + height, high + 26) + 4, "One system call, " + arrangement.title,
              "%d instructions, %s: %s." % (timeline["instructions"], timeline["accelerator"], said))
    for lane, (_, name) in enumerate(LANES):
        svg.text(lane * (LANE + GAP) + LANE / 2, 11, name, "tick", "middle")
        svg.rect(lane * (LANE + GAP), TOP, LANE, height, "lane")
    wanted = [TOP + (start + end) / 2 for start, end in spans]
    for stay, (start, end), at, y in zip(stays, spans, wanted, keep_apart(wanted, LABEL_GAP, low, high)):
        edge = block(svg, stay, arrangement, TOP + start, end - start)
        corners = ((edge + 2, at), (LABELS - 13, at), (LABELS - 4, y - 3))
        svg.add("polyline", points=" ".join("%.1f,%.1f" % c for c in corners), class_="leader")
        label(svg, stay, y)
    own = ", scale 1 : %.1f" % coarser if coarser > 1 else ""
    return arrangement.title, instructions(timeline["instructions"]) + own, svg


def timeline_panels(results):
    per_pixel = scales(results.timelines) if results.timelines else {}
    return [timeline_panel(a, results.timelines[a.id], *per_pixel[a.id])
            for a in results.arrangements.values() if a.id in results.timelines]
