# SPDX-License-Identifier: MIT
"""How numbers are written: exactly in tables, in three digits in plots and sentences."""

import re

THIN = "\u202f"  # narrow no-break space, between groups of three digits


def exact(n):
    """12345.6 -> 12 345.6"""
    text = "{:,.3f}".format(n).rstrip("0").rstrip(".")
    return text.replace(",", THIN)


def digits(x):
    """Three significant digits, or all digits before the point."""
    return exact(round(x)) if x >= 100 else "%.3g" % x


def count(n):
    """A count of instructions or cycles."""
    for limit, factor, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e5, 1e3, "k")):
        if n >= limit:
            return "%s%s%s" % (digits(n / factor), THIN, letter)
    return exact(n) if n == int(n) else digits(n)


def nanoseconds(n):
    for factor, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if n >= factor:
            return "%s%s%s" % (digits(n / factor), THIN, name)
    return "%s%sns" % (digits(n), THIN)


def change(before, after):
    """How `after` stands to `before`, in words."""
    dearer = after >= before
    ratio = after / before if dearer else before / after
    return "as dear" if ratio < 1.02 else "%s %s" % (times(ratio), "dearer" if dearer else "cheaper")


# Vectors that a guest asks by, and exceptions by the manual's names (SDM 3A, 6.3.1, External Interrupts, and table 6-1).
ENTRIES = {0: "#DE", 1: "#DB", 2: "NMI", 3: "#BP", 4: "#OF", 5: "#BR", 6: "#UD", 7: "#NM", 8: "#DF", 10: "#TS", 11: "#NP",
           12: "#SS", 13: "#GP", 14: "#PF", 16: "#MF", 17: "#AC", 18: "#MC", 19: "#XM",
           0x80: "int 0x80", 0x82: "int 0x82"}


def symbol(name):
    """A function as a reader knows it: the stubs of the hypervisor's vectors are named after numbers."""
    number = re.fullmatch(r"stub_(\d+)", name)
    if not number:
        return name
    return "entry of " + ENTRIES.get(int(number[1]), "vector %#x" % int(number[1]))


def short(n, unit):
    return nanoseconds(n) if unit == "ns" else count(n)


def times(ratio):
    """A ratio, as "6.90×"."""
    if ratio >= 100:
        return exact(round(ratio)) + "×"
    return ("%.1f×" if ratio >= 10 else "%.2f×") % ratio


def tick(power, unit):
    """The label of 10 to the power."""
    if unit == "ns":
        return "%d%s" % (10 ** (power % 3), ("ns", "µs", "ms", "s")[power // 3]) if power < 10 else "10s"
    if unit == "ratio":
        return "%g×" % 10 ** power
    return "%d%s" % (10 ** (power % 3), ("", "k", "M", "G")[min(power // 3, 3)])
