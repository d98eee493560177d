# SPDX-License-Identifier: MIT
"""SVG by hand: the few shapes that the plots need, a logarithmic scale, and labels that do not overlap.

Colours are classes, resolved by style.css for light and dark. Arrangements differ by colour, by shape
(circle: bare metal, square: paravirtual, triangle: fully virtualised, diamond: Xen) and by filling (hollow: 32
bit).
"""

import html
import math

WIDTH = 328  # of every panel: a phone of 360 with its margins; wider screens put several side by side
NAME, TICK = 11, 10  # font sizes; style.css has the same
GLYPH = 0.64  # mean width of a character by the font size; generous, as the font is the reader's


def mono_width(text, size):
    return 0.605 * size * len(text)


def text_width(text, size):
    return size * (GLYPH * len(text) + 0.36 * sum(c in "mwMW%×…" for c in text))


def wrap(text, size, width):
    """Lines that fit into `width`; a word that does not is left alone."""
    lines = [""]
    for word in text.split():
        longer = (lines[-1] + " " + word).strip()
        if lines[-1] and text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


# Corners of an arrangement's mark, in its radius; None is a circle.
SHAPES = {"native": None,
          "pv": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
          "fv": ((0, -1.2), (1.2, 1), (-1.2, 1)),
          "xen": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0))}


class Svg:
    """One drawing. `title` and `description` are what a screen reader reads out instead."""

    def __init__(self, height, title, description, width=WIDTH):
        self.width, self.height, self.title, self.description = width, height, title, description
        self.parts = []

    def add(self, tag, content=None, **attributes):
        named = " ".join('%s="%s"' % (key.rstrip("_").replace("_", "-"), html.escape(self._value(value)))
                         for key, value in attributes.items() if value is not None)
        end = "/>" if content is None else ">%s</%s>" % (content, tag)
        self.parts.append("<%s %s%s" % (tag, named, end))

    @staticmethod
    def _value(value):
        return ("%.1f" % value).removesuffix(".0") if isinstance(value, float) else str(value)

    def text(self, x, y, text, class_=None, anchor=None):
        self.add("text", html.escape(text), x=x, y=y, class_=class_, text_anchor=anchor)

    def line(self, x1, y1, x2, y2, class_):
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)

    def rect(self, x, y, width, height, class_, hint=None):
        content = "<title>%s</title>" % html.escape(hint) if hint else None
        self.add("rect", content, x=x, y=y, width=width, height=height, class_=class_)

    def mark(self, x, y, arrangement, hint=None):
        """The arrangement's own shape around (x, y)."""
        r = 4.2
        points = SHAPES[arrangement.kind]
        class_ = "mark c-%s %s" % (arrangement.id, "hollow" if arrangement.word == 32 else "full")
        content = "<title>%s</title>" % html.escape(hint) if hint else None
        if points is None:
            self.add("circle", content, cx=x, cy=y, r=r, class_=class_)
        else:
            at = " ".join("%.1f,%.1f" % (x + dx * r * 0.9, y + dy * r * 0.9) for dx, dy in points)
            self.add("polygon", content, points=at, class_=class_)

    def __str__(self):
        return ('<svg viewBox="0 0 %d %d" role="img"><title>%s</title><desc>%s</desc>%s</svg>'
                % (self.width, math.ceil(self.height), html.escape(self.title), html.escape(self.description),
                   "".join(self.parts)))


class LogScale:
    """Values from lowest to highest, or from whole decade to whole decade, onto [start, end]."""

    def __init__(self, values, start, end, whole=True):
        values = [v for v in values if v > 0] or [1]
        self.low, self.high = math.log10(min(values)), math.log10(max(values))
        if whole:
            self.low, self.high = math.floor(self.low + 1e-9), math.ceil(self.high - 1e-9)
        self.high = max(self.high, self.low + 1)
        self.start, self.end = start, end

    def __call__(self, value):
        part = (math.log10(max(value, 10 ** self.low)) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def powers(self, room):
        """Powers of ten to label, at least `room` apart; for scales of whole decades."""
        apart = abs(self.end - self.start) / (self.high - self.low)
        return range(self.low, self.high + 1, max(1, math.ceil(room / apart)))


def keep_apart(wanted, gap, low, high):
    """Positions near the requested ones, in their order, `gap` apart and within [low, high]."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    at = [min(max(wanted[i], low), high) for i in order]
    for i in range(1, len(at)):
        at[i] = max(at[i], at[i - 1] + gap)
    if at and at[-1] > high:
        at[-1] = high
        for i in range(len(at) - 2, -1, -1):
            at[i] = min(at[i], at[i + 1] - gap)
    placed = [0.0] * len(wanted)
    for i, position in zip(order, at):
        placed[i] = position
    return placed
