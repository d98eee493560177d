# SPDX-License-Identifier: MIT
"""Cost per operation by arrangement, and the ratio to bare metal: rows of marks on logarithmic scales."""

from writing import short, tick, times
from svg import NAME, TICK, WIDTH, LogScale, Svg, text_width, wrap

LABELS, VALUES = 62, 256  # where the column of names ends and that of numbers begins
ROW, AXIS = 17, 18


def grid(svg, scale, unit, top, bottom):
    """Lines at the decades, and their names below."""
    powers = list(scale.powers(30))
    for power in powers:
        x = scale(10.0 ** power)
        svg.line(x, top, x, bottom, "grid")
        label = tick(power, unit)
        half = text_width(label, TICK) / 2
        svg.text(min(max(x, half), svg.width - half), bottom + 12, label, "tick", "middle")


def medians(results, figures, unit):
    """The figures in words."""
    return ", ".join("%s %s" % (results.arrangements[f.arrangement].short, short(f.median, unit)) for f in figures)


def cost_panel(results, operation, figures, values, unit):
    """One operation: a row for each arrangement; `values` of the whole group make the scale."""
    bottom = ROW * len(figures) + 2
    said = medians(results, figures, unit)
    svg = Svg(bottom + AXIS, operation["title"], "Median cost, %s: %s." % (results.caption(unit), said))
    scale = LogScale(values, LABELS + 8, VALUES - 8)
    grid(svg, scale, unit, 0, bottom)
    for at, figure in enumerate(figures):
        arrangement, y = results.arrangements[figure.arrangement], ROW * at + ROW / 2
        svg.text(0, y + 4, arrangement.short, "name")
        svg.line(scale(figure.p10), y, scale(figure.p90), y, "spread c-" + arrangement.id)
        svg.line(scale(figure.min), y - 4, scale(figure.min), y + 4, "least c-" + arrangement.id)
        svg.mark(scale(figure.median), y, arrangement, medians(results, [figure], unit))
        svg.text(WIDTH, y + 4, short(figure.median, unit), "value", "end")
    return operation["title"], "%s; per %s" % (operation["what"], operation["per"]), svg


def cost_panels(results, unit, group):
    rows = results.in_group(unit, group)
    values = [v for _, figures in rows for f in figures for v in (f.min, f.p90, f.median)]
    return [cost_panel(results, operation, figures, values, unit) for operation, figures in rows]


def ratio_rows(results, unit, arrangement):
    """[(operation, ratio to bare metal)] in the order of presentation."""
    figures = [(o, results.figure(arrangement.id, unit, o["id"])) for o in results.operations.values()]
    ratios = [(o, results.ratio(f)) for o, f in figures if f]
    return [(o, r) for o, r in ratios if r]


def ratio_panel(results, arrangement, rows, values, unit):
    """One arrangement: under each operation's name a track from the bare machine's cost to its own."""
    svg = Svg(1, arrangement.title, "Cost as a multiple of bare metal's, %s: %s."
              % (results.caption(unit), ", ".join("%s %s" % (o["title"], times(r)) for o, r in rows)))
    scale, y, tracks = LogScale(values + [1], 8, WIDTH - 8), 0, []
    for operation, ratio in rows:
        for line in wrap(operation["title"], NAME, WIDTH - 12 - text_width(times(ratio), NAME)):
            y += 14
            svg.text(0, y, line, "name")
        svg.text(WIDTH, y, times(ratio), "value", "end")
        y += 11
        tracks.append((y, ratio))
        y += 5
    svg.height = y + AXIS
    grid(svg, scale, "ratio", y - 2, y + 2)
    for at, ratio in tracks:
        svg.line(scale.start, at, scale.end, at, "grid")
        for power in scale.powers(1):
            svg.line(scale(10.0 ** power), at - 2, scale(10.0 ** power), at + 2, "grid")
        svg.line(scale(1), at - 4, scale(1), at + 4, "one")
        svg.line(scale(1), at, scale(ratio), at, "track c-" + arrangement.id)
        svg.mark(scale(ratio), at, arrangement, times(ratio))
    return arrangement.title, "against the bare machine in %d bits" % arrangement.word, svg


def ratio_panels(results, unit):
    rows = [(a, ratio_rows(results, unit, a)) for a in results.arrangements.values() if a.native]
    rows = [(a, r) for a, r in rows if r]
    values = [ratio for _, found in rows for _, ratio in found]
    return [ratio_panel(results, a, found, values, unit) for a, found in rows]
