# SPDX-License-Identifier: MIT
"""The ring timeline of one system call: time runs down, three lanes, one block for each stay in a ring.

Heights are true to the number of instructions, on one scale for all arrangements that fit it; one that is many times
longer gets a scale of its own, which is written above it. Names stand beside the lanes, where they keep apart.
"""

from svg import NAME, TICK, WIDTH, Svg, keep_apart, text_width
from writing import exact, times

LANES = (("application", "app"), ("kernel", "kernel"), ("hypervisor", "hyperv."))
LANE, GAP, TOP = 39, 4, 22
LABELS = 3 * LANE + 3 * GAP + 22
TALLEST, LABEL_GAP = 330, 42
OUTLIER = 4  # how many times the median length a timeline must have for a scale of its own


def scales(timelines):
    """{arrangement: (instructions for each pixel, how many times the common scale that is)}"""
    lengths = sorted(t["instructions"] for t in timelines.values())
    usual = lengths[len(lengths) // 2] * OUTLIER
    common = max((n for n in lengths if n <= usual), default=1) / TALLEST
    own = {a: max(common, t["instructions"] / TALLEST) for a, t in timelines.items()}
    return {a: (scale, scale / common) for a, scale in own.items()}


def clip(text, size, width):
    """The text, or as much of it as fits, with an ellipsis."""
    while text_width(text, size) > width and len(text) > 2:
        text = text.rstrip("…")[:-1] + "…"
    return text


def instructions(n):
    return "%s instruction%s" % (exact(n), "" if n == 1 else "s")


def block(svg, segment, arrangement, y, height):
    lane = [who for who, _ in LANES].index(segment["who"])
    length = segment["end"] - segment["start"]
    top = ", ".join("%s %d" % (f["symbol"], f["instructions"]) for f in
                    sorted(segment["functions"], key=lambda f: -f["instructions"])[:8])
    svg.rect(lane * (LANE + GAP), y, LANE, max(height, 1.5), "stay %s c-%s" % (segment["who"], arrangement.id),
             "%s, ring %d, %d instructions: %s" % (segment["who"], segment["ring"], length, top))
    return (lane + 1) * (LANE + GAP) - GAP


def timeline_panel(results, arrangement, timeline, per_pixel, coarser):
    height = timeline["instructions"] / per_pixel
    spans = [(s["start"] / per_pixel, s["end"] / per_pixel) for s in timeline["segments"]]
    low = TOP + 8
    # The labels may need more room than the blocks.
    high = max(low + height - 12, low + LABEL_GAP * (len(spans) - 1))
    said = ", ".join("%s in ring %d for %d" % (s["who"], s["ring"], s["end"] - s["start"]) for s in timeline["segments"])
    svg = Svg(max(TOP + height, high + 26) + 4, "One system call, " + arrangement.title,
              "%d instructions, %s: %s." % (timeline["instructions"], timeline["accelerator"], said))
    for lane, (_, name) in enumerate(LANES):
        svg.text(lane * (LANE + GAP) + LANE / 2, 11, name, "tick", "middle")
        svg.rect(lane * (LANE + GAP), TOP, LANE, height, "lane")
    wanted = [TOP + (start + end) / 2 for start, end in spans]
    for segment, (start, end), at, y in zip(timeline["segments"], spans, wanted, keep_apart(wanted, LABEL_GAP, low, high)):
        edge = block(svg, segment, arrangement, TOP + start, end - start)
        svg.add("polyline", points="%.1f,%.1f %.1f,%.1f %.1f,%.1f" % (edge + 2, at, LABELS - 16, at, LABELS - 5, y), class_="leader")
        room = WIDTH - LABELS
        svg.text(LABELS, y, clip(segment["symbol"], NAME, room), "name mono")
        svg.text(LABELS, y + 12, "ring %d: %s" % (segment["ring"], instructions(segment["end"] - segment["start"])), "tick")
        heaviest = max(segment["functions"], key=lambda f: f["instructions"])
        if len(segment["functions"]) > 1:
            svg.text(LABELS, y + 23, clip("%s in %s" % (exact(heaviest["instructions"]), heaviest["symbol"]), TICK, room), "tick")
    own = ", drawn %s smaller than the others" % times(coarser) if coarser > 1 else ""
    return arrangement.title, instructions(timeline["instructions"]) + own, svg


def timeline_panels(results):
    per_pixel = scales(results.timelines) if results.timelines else {}
    return [timeline_panel(results, a, results.timelines[a.id], *per_pixel[a.id])
            for a in results.arrangements.values() if a.id in results.timelines]
