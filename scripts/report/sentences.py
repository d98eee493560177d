# SPDX-License-Identifier: MIT
"""Two sentences under each figure: what this run shows, and why it is so. Every number in them is computed."""

from plot_cost import ratio_rows
from plot_ways import batch_series, system_calls
from writing import change, digits, exact, short, times

NOTHING = "This run has no such figures in this unit. Another unit may have them."

WHY = {
    "crossings": "Each of these leaves the application's ring and comes back, and in a guest the hypervisor "
                 "stands at both doors.",
    "privileged": "On the bare machine each is an instruction or a few; in a guest it is a request or a trap.",
    "paging": "Page tables are what a hypervisor guards most: it checks each entry before the processor may use it.",
    "events": "An event stands where the bare machine has an interrupt: it is a bit in shared memory and, "
              "unless it is masked, an upcall.",
    "processes": "To start or to switch a process is to write page tables and to load others, so the price "
                 "of paging adds up here.",
    "io": "Copying runs at full speed; what costs more is the system call around it, and the switch to the program that waits.",
    "macro": "A whole job mixes all of the above with computing that costs the same everywhere, so its "
             "ratio is the one that a user feels.",
    "other": "The less an operation has to do with rings, the nearer it comes to 1×.",
}


def spoken(n, unit):
    """A number with its unit."""
    return short(n, unit) + ("" if unit == "ns" else " " + unit)


def middle(values):
    values = sorted(values)
    return values[len(values) // 2]


def cost(results, unit, group):
    """How far the group's operations are from bare metal."""
    rows = results.in_group(unit, group)
    ratios = [(results.ratio(f), f, o) for o, figures in rows for f in figures if results.ratio(f)]
    if not ratios:
        medians = [f.median for _, figures in rows for f in figures]
        return ("The medians reach from %s to %s. In this unit there is no figure of the bare machine to "
                "compare them with." % (spoken(min(medians), unit), spoken(max(medians), unit)))
    (high, dear, dear_what), (low, cheap, cheap_what) = (end(ratios, key=lambda r: r[0]) for end in (max, min))
    dear_in, cheap_in = (results.arrangements[f.arrangement].short for f in (dear, cheap))
    return ("Dearest against bare metal is “%s” in %s: %s, %s as much; cheapest is “%s” in %s with %s. %s" % (
        dear_what["title"], dear_in, spoken(dear.median, unit), times(high),
        cheap_what["title"], cheap_in, times(low), WHY.get(group, WHY["other"])))


def ratio(results, unit):
    rows = [(a, [r for _, r in ratio_rows(results, unit, a)]) for a in results.arrangements.values() if a.native]
    parts = ["%s in %s" % (times(middle(r)), a.short) for a, r in rows if r]
    if not parts:
        return NOTHING
    return ("Of all operations the middle one costs %s. Instructions that only compute run at full speed in "
            "every arrangement, so a program pays for how often it leaves its ring, not for how long it "
            "runs."
            % ", ".join(parts))


def pairs(results, unit):
    ratios = results.pair_ratios(unit)
    if not ratios:
        return NOTHING
    (high, dear, dear_in), (low, cheap, cheap_in) = (end(ratios, key=lambda r: r[0]) for end in (max, min))
    return ("On Ringlet a trap costs from %s (%s, %s) to %s (%s, %s) what asking for the same operation "
            "costs. A trap brings the hypervisor no more than an exception and an address: it must fetch "
            "the instruction, decode it and find out what was meant, where a hypercall says so." % (
                times(low), cheap["title"], cheap_in.short, times(high), dear["title"], dear_in.short))


def batch(results, unit, one_batch):
    parts, sizes, opened = [], (), ""
    for arrangement, points in batch_series(results, unit, one_batch):
        sizes = points[0][0], points[-1][0]
        first, last = points[0][1].median, points[-1][1].median
        if arrangement.native:
            parts.append("%s in %s (from %s to %s)"
                         % (change(first, last), arrangement.short, short(first, unit), short(last, unit)))
        if arrangement.kind == "fv":
            opened = " An unmodified kernel batches without knowing it: its first store opens a table to the next ones."
    if not parts:
        return NOTHING
    return ("Against a batch of %d, an entry in one of %d is %s. The entries of a batch share the way in and out; what "
            "each must pay for itself is its own work, and being unpacked.%s"
            % (*sizes, ", ".join(parts), opened))


def rings(results, unit):
    for operation, figures in system_calls(results, unit):
        cost_in = {f.arrangement: f.median for f in figures}
        if {"native32", "native64", "pv32", "pv64"} <= set(cost_in):
            added = [cost_in["pv" + n] - cost_in["native" + n] for n in ("32", "64")]
            added = [spoken(n, unit) if n > 0 else "nothing" for n in added]
            return ("To one %s the rings add %s in pv32 and %s in pv64. A 32-bit guest's kernel has ring 1 "
                    "for itself: paging keeps its applications out, and it has no address that reaches the "
                    "hypervisor above 4 GiB. A 64-bit one has, and paging tells only user from supervisor, so "
                    "kernel and applications share ring 3, and every way between them leads through the "
                    "hypervisor, which changes the page tables." % (operation["title"], *added))
    return NOTHING


def fairness(host):
    """Which Xen was measured, and how it was started; a run that did not note it says so."""
    options = host.get("xen_options")
    if not host.get("xen"):
        return "This run does not say which Xen it measured."
    return ("Xen is the one that Debian ships, %s. %s Both hypervisors ran on one emulated processor of the same model (%s), and "
            "started the same kernel and file system." % (
                host["xen"], "Its options were “%s”." % options if options else "This run did not note its options.",
                host["cpu"]))


def owned(timeline, who):
    return sum(s["end"] - s["start"] for s in timeline["segments"] if s["who"] == who)


def timelines(results):
    parts = []
    for arrangement in results.arrangements.values():
        timeline = results.timelines.get(arrangement.id)
        if timeline and owned(timeline, "hypervisor"):
            share = 100 * owned(timeline, "hypervisor") / timeline["instructions"]
            whole = exact(timeline["instructions"])
            parts.append("%s %% of %s in %s" % (digits(share), whole, arrangement.short))
    if not parts:
        return NOTHING
    bare, guests = ([len(t["segments"]) - 1 for a, t in results.timelines.items()
                     if (results.arrangements[a].native is None) == native] for native in (True, False))
    return ("One getppid changes hands %s in a guest%s; the "
            "hypervisor's share of the instructions there is %s. The kernel's own part is the same C code "
            "everywhere; what differs is who carries the call to it, and back."
            % (hands(guests), ", and %s on the bare machine" % hands(bare) if bare else "", ", ".join(parts)))


def hands(changes):
    """How often it changes hands, at least and at most."""
    low, high = min(changes), max(changes)
    return "%d times" % low if low == high else "%d to %d times" % (low, high)


def goals(results):
    """[(what, value)] for the head of the page, in instructions: the goals of the design."""
    unit, found = "instructions", []
    ratios = [r[0] for r in results.pair_ratios(unit)]
    if ratios:
        found.append(("a trap, against asking for the same operation",
                      "%s to %s" % (times(min(ratios)), times(max(ratios)))))
    trapped = [[results.figure(a, unit, p["trap"]) for a in ("pv64", "xen_pv64")] for p in results.pairs]
    against = [ours.median / xens.median for ours, xens in trapped if ours and xens]
    if against:
        found.append(("a trapped instruction, against Xen's",
                      "%s to %s" % (times(min(against)), times(max(against)))))
    for name in ("pv32", "pv64", "fv32"):
        figure = results.figure(name, unit, "null_syscall")
        if figure and results.ratio(figure):
            found.append(("a system call in %s, against bare metal" % name, times(results.ratio(figure))))
    return found
