# SPDX-License-Identifier: MIT
"""A drawing for the pages: boxes of text, arrows with a word beside them, colours for light and dark.

A box refuses text that is wider or higher than itself, so every finished picture can be read.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from report.svg import Svg, mono_width, text_width  # noqa: E402

SIZE, LINE, PAD = 12, 16, 8
# A colour means the same in every picture: what is in ring 0, a guest's kernel, an application, a place or state
# that is not used.
STYLE = """
svg{--paper:#fff;--ink:#1d1c1a;--muted:#5f5b54;--line:#7a766e;--ring0:#dbe7f6;--kernel:#d8eee9;--app:#fbe9cf;--none:#f1efea;
--bad:#f6d9d5}
@media(prefers-color-scheme:dark){svg{--paper:#15161a;--ink:#e9e7e2;--muted:#a8a49b;--line:#8b877e;--ring0:#22364f;
--kernel:#1c423b;--app:#4d3a1c;--none:#26282e;--bad:#552a26}}
.paper{fill:var(--paper)}text{font:12px sans-serif;fill:var(--ink)}.bold{font-weight:bold}.muted{fill:var(--muted)}
.mono{font:11px monospace}.box{stroke:var(--line)}.ring0{fill:var(--ring0)}.kernel{fill:var(--kernel)}.app{fill:var(--app)}
.none{fill:var(--none)}.bad{fill:var(--bad)}.arrow{stroke:var(--line);fill:none;stroke-width:1.4}.head{fill:var(--line)}
.dashed{stroke-dasharray:4 3}
""".replace("\n", "")
HEAD = ('<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>')


class Picture(Svg):
    """`title` stands above the drawing; `description` is what a screen reader reads out."""

    def __init__(self, width, height, title, description):
        super().__init__(height, title, description, width)
        self.add("rect", x=0, y=0, width=width, height=height, class_="paper")
        self.text(12, 22, title, "bold")

    def lines(self, x, y, lines, anchor=None):
        """Text from the baseline y on. A line that begins with * is bold, with ` is code, with ~ is an aside."""
        for n, line in enumerate(lines):
            class_ = {"*": "bold", "`": "mono", "~": "muted"}.get(line[:1])
            self.text(x, y + n * LINE, line[1:] if class_ else line, class_, anchor)

    def box(self, x, y, width, height, lines, class_, middle=False):
        """A rectangle with lines of text in it, from the top or around its middle."""
        self.add("rect", x=x, y=y, width=width, height=height, rx=4, class_="box " + class_)
        for line in lines:
            need = mono_width(line, 11) if line[:1] == "`" else 0.84 * text_width(line.lstrip("*~"), SIZE)
            if need > width - PAD:
                raise ValueError("%s: %d of %d for: %s" % (self.title, need, width - PAD, line))
        if len(lines) * LINE > height:
            raise ValueError("%s: no room for: %s" % (self.title, lines))
        top = y + (height - len(lines) * LINE) / 2 if middle else y + 3
        self.lines(x + width / 2 if middle else x + PAD, top + SIZE, lines, "middle" if middle else None)

    def arrow(self, points, word=None, at=None, anchor="middle", dashed=False):
        """Along the points, with a head at the last; `word` (lines) is at `at`, or above the first leg's middle."""
        path = "M" + "L".join("%g %g" % p for p in points)
        self.add("path", d=path, class_="arrow dashed" if dashed else "arrow", marker_end="url(#head)")
        if word:
            (x1, y1), (x2, y2) = points[:2]
            self.lines(*(at or ((x1 + x2) / 2, (y1 + y2) / 2 - 5)), word, anchor)

    def __str__(self):
        whole = super().__str__()
        start = whole.index(">") + 1
        return (whole[:start].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
                                      % (self.width, self.height))
                + "<style>" + STYLE + "</style>" + HEAD + whole[start:].replace("><", ">\n<") + "\n")
