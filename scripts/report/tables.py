# SPDX-License-Identifier: MIT
"""The tables: every number of the run, exactly as the file has it.

Each number carries data-key (its place in the file) and its value; a ratio carries the keys of both of its
parts. On a narrow screen style.css turns every row into a card, so cells repeat their column's name in
data-label; the roles tell a screen reader that it is still a table.
"""

import html

from writing import exact, symbol, times


def keyed(key, value):
    return '<data data-key="%s" value="%s">%s</data>' % (key, value, exact(value))


def number(figure, field):
    return keyed(figure.key(field), getattr(figure, field))


def ratio(over, under, value):
    keys = over.key("median") + " " + under.key("median")
    return '<data data-ratio="%s" value="%.6g">%s</data>' % (keys, value, times(value))


def cell(label, content, class_=""):
    return '<td role="cell" data-label="%s" class="%s">%s</td>' % (html.escape(label), class_, content)


def figure_cell(results, figure, arrangement):
    """Median large; below it the ratio to bare metal where there is one, minimum, and spread (p90 - p10)."""
    if not figure:
        return cell(arrangement.title, "–", "none")
    rest = ["min " + number(figure, "min"), "spread " + number(figure, "spread")]
    found = bare_ratio(results, figure)
    if found:
        rest.insert(0, found)
    return cell(arrangement.title, '<span class="median">%s</span><span class="rest">%s</span>' % (
        number(figure, "median"), "".join("<span>%s</span>" % r for r in rest)))


def bare_ratio(results, figure):
    """The ratio to bare metal as text, empty where there is none."""
    found = results.ratio(figure)
    if not found:
        return ""
    native = results.figure(results.arrangements[figure.arrangement].native, figure.unit, figure.operation)
    return ratio(figure, native, found)


def table(caption, heads, rows):
    """Rows are [(head of the row, [cells])]."""
    head = "".join('<th role="columnheader" scope="col" class="%s">%s</th>' % (h.split()[0], html.escape(h))
                   for h in heads)
    body = "".join('<tr role="row"><th role="rowheader" scope="row">%s</th>%s</tr>'
                   % (html.escape(name), "".join(cells)) for name, cells in rows)
    return ('<table role="table"><caption>%s</caption><thead role="rowgroup"><tr role="row">%s</tr></thead>'
            '<tbody role="rowgroup">%s</tbody></table>' % (html.escape(caption), head, body))


def cost(results, unit, operations, title):
    arrangements = list(results.arrangements.values())
    rows = [(o["title"], [figure_cell(results, results.figure(a.id, unit, o["id"]), a) for a in arrangements])
            for o in operations if results.row(unit, o["id"])]
    caption = "%s, %s. Median and its ratio to bare metal; minimum; spread (p90 − p10)."
    return table(caption % (title, results.caption(unit)), ["operation"] + [a.title for a in arrangements], rows)


def ratios(results, unit):
    """Operations by arrangements, medians over the bare machine's."""
    arrangements = [a for a in results.arrangements.values() if a.native]
    rows = []
    for operation in results.operations.values():
        figures = [results.figure(a.id, unit, operation["id"]) for a in arrangements]
        found = [bare_ratio(results, f) if f else "" for f in figures]
        if any(found):
            rows.append((operation["title"], [cell(a.title, r or "–", "" if r else "none")
                                              for a, r in zip(arrangements, found)]))
    caption = "Median over the median on the bare machine, %s." % results.caption(unit)
    return table(caption, ["operation"] + [a.title for a in arrangements], rows)


def pairs(results, unit):
    rows, heads = [], ["operation", "hypercall", "trap", "trap to hypercall"]
    for pair in results.pairs:
        for arrangement in results.arrangements.values():
            hypercall, trap = results.pair(unit, arrangement.id, pair)
            if arrangement.native and (hypercall or trap):
                both = hypercall and trap and hypercall.median
                rows.append(("%s, %s" % (pair["title"], arrangement.short), [
                    cell("hypercall", number(hypercall, "median") if hypercall else "–"),
                    cell("trap", number(trap, "median") if trap else "–"),
                    cell(heads[3], ratio(trap, hypercall, trap.median / hypercall.median) if both else "–")]))
    return table("Medians, %s" % results.caption(unit), heads, rows)


def batch(results, unit, one_batch):
    heads = ["%d" % p["size"] for p in one_batch["points"]]
    rows = []
    for arrangement in results.arrangements.values():
        figures = [results.figure(arrangement.id, unit, p["op"]) for p in one_batch["points"]]
        if any(figures):
            rows.append((arrangement.title, [cell("in a batch of " + h, number(f, "median") if f else "–")
                                             for h, f in zip(heads, figures)]))
    caption = "%s: median of one entry by the size of the batch, %s" % (one_batch["title"], results.caption(unit))
    return table(caption, ["entries in a batch"] + heads, rows)


def timelines(results):
    """For each arrangement the stays in their order, and their functions in the order of first use."""
    tables = []
    for arrangement in results.arrangements.values():
        timeline = results.timelines.get(arrangement.id)
        if not timeline:
            continue
        rows = []
        for at, s in enumerate(timeline["segments"]):
            key = "timeline/%s/%d" % (arrangement.id, at)
            functions = ", ".join("%s %d" % (symbol(f["symbol"]), f["instructions"]) for f in s["functions"])
            rows.append((s["who"], [cell("ring", keyed(key + "/ring", s["ring"])),
                                    cell("instructions", keyed(key + "/length", s["end"] - s["start"])),
                                    cell("functions", html.escape(functions), "functions")]))
        caption = "%s: one system call, %s, %s" % (arrangement.title, timeline["unit"], timeline["accelerator"])
        tables.append(table(caption, ["who", "ring", "instructions", "functions"], rows))
    return "".join(tables)
