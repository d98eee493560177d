# SPDX-License-Identifier: MIT
"""What lectures on virtualisation say, beside what this run measured: one table for each unit.

A row is a claim, the figures that bear on it, and what they come to, in words that are chosen by the figures. A row whose
figures are missing is left out.
"""

import html

from tables import cell, number, ratio, table

HEADS = ["the lectures say", "measured here", "so"]


class Run:
    """The figures of a run in one unit, by short names."""

    def __init__(self, results, unit):
        self.results, self.unit = results, unit

    def cost(self, arrangement, operation):
        return self.results.figure(arrangement, self.unit, operation)

    def over_bare(self, arrangement, operation):
        figure = self.cost(arrangement, operation)
        return self.results.ratio(figure) if figure else None

    def costs(self, pairs):
        """The medians as lines of a cell; None unless all are there."""
        figures = [(what, self.cost(a, o)) for a, o, what in pairs]
        return lines((what, number(f, "median")) for what, f in figures) if all(f for _, f in figures) else None

    def ratios(self, operation, arrangements):
        """The costs over the bare machine's as lines of a cell; None if there are none."""
        found = []
        for a in arrangements:
            figure, over = self.cost(a, operation), self.over_bare(a, operation)
            if over:
                bare = self.cost(self.results.arrangements[a].native, operation)
                found.append((self.results.arrangements[a].short, ratio(figure, bare, over)))
        return lines(found) if found else None


def lines(pairs):
    return '<div class="lines">%s</div>' % "".join("<span><i>%s</i> %s</span>" % (html.escape(what), value)
                                                   for what, value in pairs)


def whole_job(run):
    """5 to 10 percent: at most 1.10 times the bare machine's cost."""
    found = [r for r in (run.over_bare(a, "compile_job") for a in ("pv32", "pv64")) if r]
    if not found:
        return None
    so = ("No more than that, in a whole job of a paravirtual guest." if max(found) <= 1.105 else
          "A whole job of a paravirtual guest loses more than that." if min(found) > 1.105 else
          "One kind of paravirtual guest loses no more than that in a whole job, the other does.")
    return run.ratios("compile_job", ("pv32", "pv64", "xen_pv64", "fv32")), so


def hypercall(run):
    shown = run.costs([("native64", "null_syscall", "system call, native64"), ("pv64", "null_hypercall", "hypercall, pv64"),
                       ("native32", "null_syscall", "system call, native32"), ("pv32", "null_hypercall", "hypercall, pv32")])
    if not shown:
        return None
    cheaper = all(run.cost("pv" + w, "null_hypercall").median < run.cost("native" + w, "null_syscall").median
                  for w in ("32", "64"))
    return shown, ("Like them in kind, and cheaper: the hypervisor has less to set up." if cheaper
                   else "Like them in kind, and in cost.")


def beside(run):
    narrow, wide = (run.over_bare(a, "null_syscall") for a in ("pv32", "pv64"))
    if not (narrow and wide):
        return None
    dearer = ("A system call of pv64 is dearer than one of pv32" if wide > narrow else
              "A system call of pv64 is no dearer than one of pv32")
    return run.ratios("null_syscall", ("pv32", "pv64", "xen_pv64")), \
        dearer + (", measured by the bare machine’s. Each takes the hypervisor twice; in 64 bits it also changes the page "
                  "tables.")


def full(run):
    modified, whole = (run.over_bare(a, "null_syscall") for a in ("pv32", "fv32"))
    if not (modified and whole):
        return None
    return run.ratios("null_syscall", ("pv32", "fv32")), \
        ("The unmodified kernel pays more for the same call: it traps where the other asks." if whole > modified else
         "For this call the unmodified kernel pays no more.")


def replaced(run):
    shown = run.costs([("pv64", "irq_flag_instr", "interrupts off by trap, pv64"),
                       ("pv64", "irq_flag_shared", "the same by shared memory, pv64"),
                       ("pv64", "cr3_instr", "CR3 by trap, pv64"), ("pv64", "cr3_hypercall", "CR3 by hypercall, pv64")])
    if not shown:
        return None
    trap, asked = (run.cost("pv64", "cr3_" + way).median for way in ("instr", "hypercall"))
    masked, shared = (run.cost("pv64", "irq_flag_" + way).median for way in ("instr", "shared"))
    return shown, ("Asking is cheaper than trapping. " if asked < trap else "Here asking is no cheaper than trapping. ") + \
        ("Not having to ask saves far more." if trap * shared < masked * asked else "Not having to ask saves less.")


def paging(run):
    shown = run.costs([("fv32", "pte_1", "shadow, one entry"), ("pv32", "pte_1", "direct, one entry"),
                       ("fv32", "pte_512", "shadow, one of many"), ("pv32", "pte_512", "direct, one of many")])
    if not shown:
        return None
    one, many = (run.cost("fv32", o).median > run.cost("pv32", o).median for o in ("pte_1", "pte_512"))
    return shown, ("A single change is cheaper by a call" if one else "A single change is no cheaper by a call") + \
        ("; so is each of many." if many else "; for many at a time the shadow wins, once a table has been let go.")


CLAIMS = (
    ("Catching and checking a guest’s calls costs little: 5 to 10 percent are lost.", whole_job),
    ("Hypercalls are like system calls, with other interrupt numbers.", hypercall),
    ("In 64 bits there is no ring 1 to use: the kernel moves beside its applications.", beside),
    ("Full virtualisation needs no changes to the kernel, but each crossing costs.", full),
    ("In a modified kernel, hypercalls replace the privileged operations.", replaced),
    ("Page tables are virtualised by shadows that follow writes, or by calls.", paging),
)


def lectures(results, unit):
    """The table, or nothing if no claim can be looked at."""
    run, rows = Run(results, unit), []
    for claim, look in CLAIMS:
        found = look(run)
        if found:
            shown, so = found
            rows.append((claim, [cell(HEADS[1], shown), cell(HEADS[2], html.escape(so), "words")]))
    return table("Medians, or how many times the bare machine’s: %s" % results.caption(unit), HEADS, rows) if rows else ""
