# SPDX-License-Identifier: MIT
"""The page: sections of figures, each with unit and accelerator, panels, two sentences and a table."""

import html
import os
import string

import lectures
import plot_cost
import plot_timeline
import plot_ways
import sentences
import tables
from data import UNIT_NAMES
from svg import Svg

HERE = os.path.dirname(os.path.abspath(__file__))
GROUPS = {"crossings": "Crossings", "privileged": "Privileged operations", "paging": "Page tables",
          "events": "Events", "processes": "Processes", "io": "Input and output", "macro": "A whole job"}
FACTS = {"date": "measured", "ringlet": "Ringlet", "qemu": "machine", "cpu": "processor model", "xen": "Xen"}


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def prose(text):
    """Escaped, with the apostrophes of print."""
    return html.escape(text.replace("'", "’"))


def panel(made):
    title, sub, svg = made
    return '<div class="panel"><h4>%s</h4><p class="sub">%s</p>%s</div>' % (prose(title), prose(sub), svg)


def figure(caption, panels, sentence, table, unit=None, title=None):
    """A <figure>; those of one unit are shown while that unit is chosen. Without panels it says so, or nothing."""
    shown = ' class="in-unit unit-%s"' % unit if unit else ""
    if not panels:
        return "" if title else "<p%s>%s</p>" % (shown, sentences.NOTHING)
    heading = "<h3>%s</h3>" % prose(title) if title else ""
    return ('<figure%s>%s<p class="unit-line">%s</p><div class="panels%s">%s</div><figcaption>%s</figcaption>'
            '<details><summary>Table</summary>%s</details></figure>' % (
                shown, heading, prose(caption), pairs_last(len(panels)), "".join(map(panel, panels)), prose(sentence), table))


def pairs_last(count):
    """Where three stand in a row, the last of four, seven or ten would stand alone: the last four stand in two rows."""
    return " pairs-last" if count > 1 and count % 3 == 1 else ""


def costs(results):
    found = []
    for group in results.groups:
        title = GROUPS.get(group, group.capitalize())
        for unit in results.units:
            operations = [o for o in results.operations.values() if o["group"] == group]
            found.append(figure(results.caption(unit), plot_cost.cost_panels(results, unit, group),
                                sentences.cost(results, unit, group) if results.in_group(unit, group) else "",
                                tables.cost(results, unit, operations, title), unit, title))
    return "".join(found)


def by_unit(results, panels, sentence, table):
    return "".join(figure(results.caption(u), panels(results, u), sentence(results, u), table(results, u), u)
                   for u in results.units)


def batches(results):
    """A figure for each batch; a unit without any figure says so once."""
    found = []
    for unit in results.units:
        panels = [(b, plot_ways.batch_panel(results, b, unit)) for b in results.batches]
        for batch, made in ((b, p) for b, p in panels if p):
            found.append(figure(results.caption(unit), [made], sentences.batch(results, unit, batch),
                                tables.batch(results, unit, batch), unit))
        if not any(made for _, made in panels):
            found.append(figure("", [], "", "", unit))
    return "".join(found)


def system_call_table(results, unit):
    return tables.cost(results, unit, [o for o, _ in plot_ways.system_calls(results, unit)], "System calls")


def timelines(results):
    captions = sorted({"%s, %s" % (t["unit"], t["accelerator"]) for t in results.timelines.values()})
    return figure(" and ".join(captions), plot_timeline.timeline_panels(results),
                  sentences.timelines(results), tables.timelines(results))


def legend(results):
    items, measured = [], {arrangement for arrangement, _, _ in results.figures}
    for arrangement in results.arrangements.values():
        svg = Svg(14, arrangement.title, "its mark", 14)
        svg.mark(7, 7, arrangement)
        drawn = str(svg).replace('role="img"', 'aria-hidden="true" class="key"')
        absent = "" if arrangement.id in measured else " (not measured in this run)"
        items.append('<li>%s<b>%s</b> %s</li>' % (drawn, prose(arrangement.short), prose(arrangement.title + absent)))
    return "".join(items)


def by_lectures(results):
    """The lectures' claims, for each unit that has figures for some."""
    made = [(u, lectures.lectures(results, u)) for u in results.units]
    return "".join('<div class="in-unit unit-%s">%s</div>' % (u, t or "<p>%s</p>" % sentences.NOTHING) for u, t in made)


def definitions(pairs):
    return "".join("<div><dt>%s</dt><dd>%s</dd></div>" % (prose(term), prose(str(text))) for term, text in pairs)


def goals_unit(results):
    return "In " + prose(results.caption("instructions")) if "instructions" in results.units else ""


def render(results):
    """The whole page as text."""
    radios = "".join('<input type="radio" name="unit" id="u-%s"%s>' % (u, " checked" if at == 0 else "")
                     for at, u in enumerate(results.units))
    labels = "".join('<label for="u-%s">%s</label>' % (u, UNIT_NAMES[u]) for u in results.units)
    return string.Template(read("template.html")).substitute(
        style=read("style.css"), radios=radios, labels=labels, legend=legend(results),
        facts=definitions((name, results.host[key]) for key, name in FACTS.items() if results.host.get(key)),
        goals=definitions(sentences.goals(results)), goals_unit=goals_unit(results),
        costs=costs(results), timelines=timelines(results),
        ratios=by_unit(results, plot_cost.ratio_panels, sentences.ratio, tables.ratios),
        pairs=by_unit(results, plot_ways.pair_panels, sentences.pairs, tables.pairs),
        batches=batches(results), fairness=prose(sentences.fairness(results.host)),
        xen_says="".join("<li>%s</li>" % prose(line) for line in results.host.get("xen_says", [])),
        lectures=by_lectures(results),
        rings=by_unit(results, plot_ways.rings_panels, sentences.rings, system_call_table))
