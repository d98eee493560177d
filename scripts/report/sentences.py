# SPDX-License-Identifier: MIT
"""Two sentences under each figure: what this run shows, and why it is so. Every number in them is computed."""

from plot_cost import ratio_rows
from plot_ways import batch_series, system_calls
from writing import digits, exact, short, times

NOTHING = "This run has no such figures in this unit. Another unit may have them."


def cost(results, unit, group):
    """Who is dearest in the group, and by how much it differs from bare metal at most."""
    rows = results.in_group(unit, group)
    ratios = [(results.ratio(f), f, o) for o, figures in rows for f in figures if results.ratio(f)]
    if not ratios:
        low, high = extremes(f for _, figures in rows for f in figures)
        return ("The medians reach from %s to %s. In this unit there is no figure of the bare machine to compare them with."
                % (short(low, unit), short(high, unit)))
    most, least = max(ratios, key=lambda r: r[0]), min(ratios, key=lambda r: r[0])
    return ("The largest distance to bare metal is %s: “%s” in %s takes %s. The smallest is %s, “%s” in %s: what never "
            "leaves its ring costs what it costs without a hypervisor." % (
                times(most[0]), most[2]["title"], results.arrangements[most[1].arrangement].title,
                short(most[1].median, unit), times(least[0]), least[2]["title"],
                results.arrangements[least[1].arrangement].title))


def extremes(figures):
    medians = [f.median for f in figures]
    return min(medians), max(medians)


def middle(values):
    values = sorted(values)
    return values[len(values) // 2]


def ratio(results, unit):
    rows = [(a, [r for _, r in ratio_rows(results, unit, a)]) for a in results.arrangements.values() if a.native]
    parts = ["%s %s" % (a.title, times(middle(r))) for a, r in rows if r]
    if not parts:
        return NOTHING
    return ("The middle operation costs, as a multiple of the bare machine: %s. Computing runs at full speed in every "
            "arrangement, so a program pays by how often it leaves its ring, not by how long it runs." % ", ".join(parts))


def pairs(results, unit):
    ratios = results.pair_ratios(unit)
    if not ratios:
        return NOTHING
    most, least = max(ratios, key=lambda r: r[0]), min(ratios, key=lambda r: r[0])
    return ("On Ringlet a trap costs from %s (%s, %s) to %s (%s, %s) what asking for the same operation costs. The trap "
            "the hypervisor an exception and an address: it must fetch the instruction, decode it and find out what was "
            "meant, where a hypercall says so." % (
                times(least[0]), least[1]["title"], least[2].short, times(most[0]), most[1]["title"], most[2].short))


def batches(results, unit):
    parts = []
    for batch in results.batches:
        for arrangement, points in batch_series(results, unit, batch):
            (first, one), (last, many) = points[0], points[-1]
            if arrangement.native:
                parts.append("%s from %s to %s (%s)" % (arrangement.short, short(one.median, unit), short(many.median, unit),
                                                        times(one.median / many.median)))
    if not parts:
        return NOTHING
    return ("From %d to %d entries in a batch, one entry falls: %s. What is left at the right is the work of checking the "
            "entry; what fell is the crossing, which all entries of a batch share." % (first, last, ", ".join(parts)))


def rings(results, unit):
    for operation, figures in system_calls(results, unit):
        by_name = {f.arrangement: f for f in figures}
        if {"native32", "native64", "pv32", "pv64"} <= set(by_name):
            added = {n: by_name["pv" + n].median - by_name["native" + n].median for n in ("32", "64")}
            return ("To one %s the rings add %s in pv32 and %s in pv64. A 32-bit guest's kernel has ring 1 to itself, and "
                    "segments keep it from ring 0; in 64-bit mode segments have no limits and paging knows only user and "
                    "supervisor, so kernel and applications share ring 3, and each way between them leads through the "
                    "hypervisor, which switches page tables." % (
                        operation["title"], short(added["32"], unit), short(added["64"], unit)))
    return NOTHING


def crossings(timeline):
    return len(timeline["segments"]) - 1


def owned(timeline, who):
    return sum(s["end"] - s["start"] for s in timeline["segments"] if s["who"] == who)


def timelines(results):
    parts = []
    for arrangement in results.arrangements.values():
        timeline = results.timelines.get(arrangement.id)
        if timeline and owned(timeline, "hypervisor"):
            share = 100 * owned(timeline, "hypervisor") / timeline["instructions"]
            parts.append("%s %s %% of %s" % (arrangement.short, digits(share), exact(timeline["instructions"])))
    if not parts:
        return NOTHING
    most = max(crossings(t) for t in results.timelines.values())
    least = min(crossings(t) for t in results.timelines.values())
    return ("The bare machine changes hands %d times in one getppid, a guest up to %d times; the hypervisor's part of all "
            "instructions is: %s. The kernel's own part is the same C code everywhere; what differs is who carries the call "
            "to it and back." % (least, most, ", ".join(parts)))


def goals(results):
    """[(what, value)] for the head of the page, in instructions: what the design set out for."""
    unit, found = "instructions", []
    if unit not in results.units:
        return found
    ratios = [r[0] for r in results.pair_ratios(unit)]
    if ratios:
        found.append(("a trap against the hypercall for the same operation", "%s to %s" % (times(min(ratios)), times(max(ratios)))))
    trapped = [(results.figure("pv64", unit, p["trap"]), results.figure("xen_pv64", unit, p["trap"])) for p in results.pairs]
    against = [ours.median / xens.median for ours, xens in trapped if ours and xens]
    if against:
        found.append(("a trapped instruction, against Xen’s", "%s to %s" % (times(min(against)), times(max(against)))))
    for name in ("pv32", "pv64", "fv32"):
        figure = results.figure(name, unit, "null_syscall")
        if figure and results.ratio(figure):
            found.append(("a system call in %s, against bare metal" % name, times(results.ratio(figure))))
    return found
