# SPDX-License-Identifier: MIT
"""Two ways to one end: hypercall against trap, one call against a batch, ring 1 against ring 3."""

from plot_cost import AXIS, grid, medians
from svg import TICK, WIDTH, LogScale, Svg, keep_apart, text_width
from writing import short, tick, times

PAIR_ROW = 34


def pair_words(both, unit):
    return [short(f.median, unit) if f else "–" for f in both]


def pair_panel(results, pair, rows, values, unit):
    """A row for each arrangement: an arrow from what the hypercall costs to what the trap costs."""
    said = "; ".join("%s: hypercall %s, trap %s" % (a.short, *pair_words(both, unit)) for a, both in rows)
    bottom = PAIR_ROW * len(rows) + 2
    svg = Svg(bottom + AXIS, pair["title"],
              "Median cost by hypercall and by trap, %s. %s." % (results.caption(unit), said))
    scale = LogScale(values, 8, WIDTH - 8)
    grid(svg, scale, unit, bottom - 2, bottom + 2)
    for at, (arrangement, (hypercall, trap)) in enumerate(rows):
        y = PAIR_ROW * at + 26
        both = hypercall and trap
        svg.text(0, y - 12, arrangement.short, "name")
        svg.text(62, y - 12, " → ".join(pair_words((hypercall, trap), unit)), "value muted")
        if both:
            svg.text(WIDTH, y - 12, times(trap.median / hypercall.median), "value strong", "end")
        svg.line(8, y, WIDTH - 8, y, "grid")
        if both:
            svg.line(scale(hypercall.median), y, scale(trap.median), y, "track c-" + arrangement.id)
        if hypercall:
            x = scale(hypercall.median)
            svg.line(x, y - 5, x, y + 5, "start c-" + arrangement.id)
        if trap:
            svg.mark(scale(trap.median), y, arrangement, "by trap: " + short(trap.median, unit))
    return pair["title"], "by hypercall → by trap", svg


def pair_panels(results, unit):
    found = []
    for pair in results.pairs:
        rows = [(a, results.pair(unit, a.id, pair)) for a in results.arrangements.values() if a.native]
        rows = [(a, both) for a, both in rows if any(both)]
        if rows:
            found.append((pair, rows))
    values = [f.median for _, rows in found for _, both in rows for f in both if f]
    return [pair_panel(results, pair, rows, values, unit) for pair, rows in found]


def batch_series(results, unit, batch):
    """[(arrangement, [(size, figure)])] of those that have at least two sizes."""
    series = []
    for arrangement in results.arrangements.values():
        points = [(p["size"], results.figure(arrangement.id, unit, p["op"])) for p in batch["points"]]
        points = [(size, figure) for size, figure in points if figure]
        if len(points) > 1:
            series.append((arrangement, points))
    return series


def batch_panel(results, batch, unit):
    """Cost of one entry over the size of the batch, both logarithmic; names and values at the lines' ends."""
    series = batch_series(results, unit, batch)
    if not series:
        return None
    sizes = sorted({size for _, points in series for size, _ in points})
    said = "; ".join("%s from %s to %s" % (a.short, short(p[0][1].median, unit), short(p[-1][1].median, unit))
                     for a, p in series)
    top, bottom, left, right = 8, 216, 45, WIDTH - 122
    svg = Svg(bottom + 34, batch["title"],
              "Cost of one entry, %s, from the smallest to the largest batch: %s." % (results.caption(unit), said))
    up = LogScale([f.median for _, points in series for _, f in points], bottom, top)
    across = LogScale(sizes, left, right, whole=False)
    batch_axes(svg, up, across, sizes, unit)
    ends = keep_apart([up(points[-1][1].median) for _, points in series], 15, top, bottom)
    for (arrangement, points), end in zip(series, ends):
        batch_line(svg, arrangement, [(across(size), up(f.median)) for size, f in points], end,
                   short(points[-1][1].median, unit))
    return batch["title"], "cost of one entry, by the number of entries in a batch", svg


def batch_axes(svg, up, across, sizes, unit):
    left, right, bottom, top = across.start, across.end, up.start, up.end
    for power in up.powers(14):
        y = up(10.0 ** power)
        svg.line(left, y, right, y, "grid")
        svg.text(left - 9, y + 3, tick(power, unit), "tick", "end")
    taken = -1
    for size in sizes:
        x, half = across(size), text_width(str(size), TICK) / 2
        svg.line(x, top, x, bottom, "grid")
        if x - half > taken:
            svg.text(x, bottom + 13, str(size), "tick", "middle")
            taken = x + half + 3
    svg.text((left + right) / 2, bottom + 29, "entries in a batch", "tick", "middle")


def batch_line(svg, arrangement, points, end, value):
    svg.add("polyline", points=" ".join("%.1f,%.1f" % p for p in points), class_="series c-" + arrangement.id)
    for x, y in points:
        svg.mark(x, y, arrangement)
    x, y = points[-1]
    svg.line(x + 7, y, x + 16, end, "leader")
    svg.text(x + 19, end + 4, "%s %s" % (arrangement.short, value), "name")


# Word by word: the bare machine, then ring 1 or ring 3.
COMPRESSED = ("native32", "pv32", "native64", "pv64", "xen_pv64")


def system_calls(results, unit):
    """[(operation, figures)] of the system calls, the arrangements in the order that compares the rings."""
    found = []
    for operation in results.operations.values():
        if operation["group"] == "crossings" and "syscall" in operation["id"]:
            figures = [results.figure(a, unit, operation["id"]) for a in COMPRESSED]
            figures = [f for f in figures if f]
            if figures:
                found.append((operation, figures))
    return found


def rings_panel(results, operation, figures, longest, unit):
    """Bars from zero: what the bare machine also needs, and what the rings add to it."""
    row = 34
    svg = Svg(row * len(figures) + 2, operation["title"],
              "Median cost, %s: %s." % (results.caption(unit), medians(results, figures, unit)))
    for at, figure in enumerate(figures):
        arrangement, y = results.arrangements[figure.arrangement], row * at
        native = results.figure(arrangement.native, unit, operation["id"]) if arrangement.native else None
        width = WIDTH * figure.median / longest
        bare = min(width, WIDTH * native.median / longest) if native else width
        words = [short(figure.median, unit)] + ([times(results.ratio(figure))] if native else [])
        svg.text(0, y + 13, arrangement.title, "name")
        svg.text(WIDTH, y + 13, ", ".join(words), "value", "end")
        svg.rect(0, y + 18, bare, 10, "solid c-" + arrangement.id, "as much as the bare machine")
        if width > bare:
            added = max(1.0, width - bare - 1.5)
            svg.rect(bare + 1.5, y + 18, added, 10, "added c-" + arrangement.id, "what is added")
    return operation["title"], operation["what"], svg


def rings_panels(results, unit):
    rows = system_calls(results, unit)
    longest = max((f.median for _, figures in rows for f in figures), default=1)
    return [rings_panel(results, operation, figures, longest, unit) for operation, figures in rows]
