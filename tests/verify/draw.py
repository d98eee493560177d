# SPDX-License-Identifier: MIT
"""A counter-example as a picture: one column for each actor, one row for each step."""
from html import escape

ORDER = ("sender0", "sender1", "vCPU", "cpu 0", "walker 0", "cpu 1", "walker 1")
NAMES = {"cpu 0": "CPU 0: hypervisor", "walker 0": "CPU 0: its walker", "cpu 1": "CPU 1: hypervisor",
         "walker 1": "CPU 1: its walker", "sender0": "sender, port 0", "sender1": "sender, port 1",
         "vCPU": "the vCPU and its guest"}
WIDTH, LINE, ROW, LEFT, TOP = 230, 15, 14, 46, 96
CHARS = 31  # in a line of a column


def wrap(text, chars):
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > chars:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return lines + [line]


def say(text):
    """The model prints numbers."""
    text = text.strip().replace("root 4", "the idle root").replace("to 4", "to none").replace("frame 4", "nothing")
    text = text.replace("vCPU 2", "idle").replace("RW=1", "writable").replace("RW=0", "read-only")
    for number, name in enumerate(("memory", "L1", "L2")):
        text = text.replace(f"use of type {number}", f"use as {name}")
    return text


def rows(steps):
    """[(column, text)], the last one for all columns if the model says what is broken, or else what it comes to."""
    found = [(who, say(text)) for who, text in steps]
    if found and found[-1][0] != "all":
        found.append(("all", "broken: (5), the new use begins while a processor remembers the old one"))
    return found


def text(title, steps):
    return title + "\n\n" + "".join(f"{n:3}  {NAMES.get(who, ''):22} {what}\n" for n, (who, what) in enumerate(steps, 1))


def svg(title, rule, steps):
    columns = [who for who in ORDER if any(who == s[0] for s in steps)]
    wide = LEFT + WIDTH * len(columns) + 10
    out, y = [], TOP
    for n, (who, what) in enumerate(steps, 1):
        broken = who == "all"
        lines = wrap(what, CHARS * len(columns) if broken else CHARS)
        high = LINE * len(lines) + 8
        x, w = (LEFT, WIDTH * len(columns) - 10) if broken else (LEFT + WIDTH * columns.index(who), WIDTH - 10)
        kind = "broken" if broken else "walker" if who.startswith("walker") else "step"
        out.append(f'<text class="n" x="{LEFT - 10}" y="{y + 16}">{n}</text>')
        out.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{high}" rx="4"/>')
        for i, line in enumerate(lines):
            out.append(f'<text x="{x + 6}" y="{y + 16 + LINE * i}">{escape(line)}</text>')
        y += high + ROW - 6
    head = []
    for i, who in enumerate(columns):
        x = LEFT + WIDTH * i
        head.append(f'<text class="h" x="{x + 6}" y="{TOP - 12}">{escape(NAMES[who])}</text>')
        head.append(f'<line x1="{x + WIDTH // 2 - 5}" y1="{TOP - 4}" x2="{x + WIDTH // 2 - 5}" y2="{y}"/>')
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{y + 10}" viewBox="0 0 {wide} {y + 10}">',
        "<style>text{font:12px sans-serif;fill:#222}.t{font-size:15px;font-weight:bold}.h{font-weight:bold}"
        ".n{text-anchor:end;fill:#888}rect{stroke:#667;fill:#eef3fb}.walker{fill:#fdf3dc}.broken{fill:#f8d7d7}"
        "line{stroke:#bbb;stroke-dasharray:3 3}.bg{fill:#fff;stroke:none}</style>",
        f'<rect class="bg" width="{wide}" height="{y + 10}"/>',
        f'<text class="t" x="12" y="26">{escape(title)}</text>', f'<text x="12" y="46">{escape(rule)}</text>',
        *head, *out, "</svg>", ""])
