# SPDX-License-Identifier: MIT
"""A run's figures in the form that the report needs. docs/report.md describes the two files they come from.

Only ratios and spreads are computed here: every other number on the page comes from the file, and Figure.key() makes
the key that traces it.
"""

import json

UNITS = ("instructions", "cycles", "ns")  # in the order of presentation
UNIT_NAMES = {"instructions": "instructions", "cycles": "processor cycles", "ns": "nanoseconds of wall time"}


class Figure:
    """What one operation costs in one arrangement and unit."""

    def __init__(self, arrangement, unit, operation, numbers):
        self.arrangement, self.unit, self.operation, self.numbers = arrangement, unit, operation, numbers
        self.min, self.median = numbers["min"], numbers["median"]
        self.p10, self.p90 = numbers.get("p10", self.min), numbers.get("p90", self.median)
        self.n = numbers.get("n", 1)
        self.spread = self.p90 - self.p10

    def key(self, field):
        return "/".join((self.arrangement, self.unit, self.operation, field))


class Arrangement:
    """One way to run the kernel. `native` is the bare machine of the same word size; None for that itself."""

    def __init__(self, entry):
        self.id, self.title, self.kind = entry["id"], entry["title"], entry["kind"]
        self.short = self.id.replace("_", " ")
        self.word = 32 if "32" in self.id else 64
        self.native = None if self.kind == "native" else "native%d" % self.word


class Results:
    """The whole run, and the timelines stepped beside it."""

    def __init__(self, results, timelines):
        self.host = results["host"]
        self.arrangements = {a["id"]: Arrangement(a) for a in results["arrangements"]}
        self.operations = {o["id"]: o for o in results["operations"]}
        self.groups = list(dict.fromkeys(o["group"] for o in results["operations"]))
        self.pairs = results.get("pairs", [])
        self.batches = results.get("batches", [])
        self.timelines = {t["arrangement"]: t for t in timelines["timelines"]}
        self.accelerators, self.figures = {}, {}
        for run in results["runs"]:
            unit = run["unit"]
            names = self.accelerators.setdefault(unit, [])
            if run["accelerator"] not in names:
                names.append(run["accelerator"])
            for operation, numbers in run["figures"].items():
                figure = Figure(run["arrangement"], unit, operation, numbers)
                self.figures[run["arrangement"], unit, operation] = figure
        self.units = [u for u in UNITS if u in self.accelerators]

    def figure(self, arrangement, unit, operation):
        return self.figures.get((arrangement, unit, operation))

    def row(self, unit, operation):
        """The figures of one operation, in the order of the arrangements."""
        found = (self.figure(a, unit, operation) for a in self.arrangements)
        return [f for f in found if f]

    def ratio(self, figure):
        """Median over bare metal's median of the same word size; None where there is nothing to compare with."""
        native = self.arrangements[figure.arrangement].native
        bare = self.figure(native, figure.unit, figure.operation) if native else None
        return figure.median / bare.median if bare and bare.median else None

    def in_group(self, unit, group):
        """[(operation, its figures)] of a group, without operations that were not measured in this unit."""
        rows = [(o, self.row(unit, o["id"])) for o in self.operations.values() if o["group"] == group]
        return [(o, figures) for o, figures in rows if figures]

    def pair(self, unit, arrangement, pair):
        """(by hypercall, by trap) in one arrangement; either may be None. An unmodified kernel only traps."""
        hypercall, trap = (self.figure(arrangement, unit, pair[way]) for way in ("hypercall", "trap"))
        return (None if self.arrangements[arrangement].kind == "fv" else hypercall), trap

    def pair_ratios(self, unit, kinds=("pv",)):
        """[(trap to hypercall, pair, arrangement)] wherever both ways were measured."""
        found = []
        for pair in self.pairs:
            for a in self.arrangements.values():
                hypercall, trap = self.pair(unit, a.id, pair)
                if a.kind in kinds and hypercall and trap and hypercall.median:
                    found.append((trap.median / hypercall.median, pair, a))
        return found

    def caption(self, unit):
        """What every figure shows: unit and accelerator."""
        return "%s, %s" % (UNIT_NAMES[unit], " and ".join(self.accelerators[unit]))


def load(results, timelines):
    with open(results, encoding="utf-8") as file:
        run = json.load(file)
    with open(timelines, encoding="utf-8") as file:
        return Results(run, json.load(file))
