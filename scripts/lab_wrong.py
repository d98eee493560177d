# SPDX-License-Identifier: MIT
"""Wrong solutions: docs/labs/N-name/wrong.txt, each told as what must be changed in the solution to make that mistake.

	= name [quick]          quick: it is tried in `make test` too
	One sentence.
	Fails: POINT            exactly these points are lost; a * at the end stands for any rest
	@ file
	-text that is there     once, with any amount of white space
	+text instead
	...                     - after + begins the next place; lines with + alone are the whole file
"""

import os
import re


class Wrong:
    def __init__(self, name, quick):
        self.name, self.quick, self.what, self.fails = name, quick, "", []
        self.places = []  # [file, old, new]

    def line(self, at, text):
        sign, rest = text[0], text[1:] + "\n"
        if text.startswith("Fails: "):
            self.fails.append(text[7:])
        elif sign == "@":
            self.places.append([text[1:].strip(), "", ""])
        elif sign in "+-" and not self.places:
            raise ValueError("%s: no file before this line" % at)
        elif sign == "+":
            self.places[-1][2] += rest
        elif sign == "-":
            if self.places[-1][2]:
                self.places.append([self.places[-1][0], "", ""])
            self.places[-1][1] += rest
        else:
            self.what = (self.what + " " + text).strip()

    def apply(self, tree):
        """Change the solution in `tree`; returns {file: text before, None if it was not there}. ValueError: it does not fit."""
        before = {}
        for file, old, new in self.places:
            path = os.path.join(tree, file)
            text = open(path).read() if os.path.exists(path) else None
            before.setdefault(file, text)
            if old:
                found = list(re.finditer(r"\s+".join(re.escape(w) for w in old.split()), text or ""))
                if len(found) != 1:
                    restore(tree, before)
                    raise ValueError("%s: %r is in %s %d times" % (self.name, old, file, len(found)))
                new = text[:found[0].start()] + new.strip("\n") + text[found[0].end():]
            with open(path, "w") as f:
                f.write(new)
        return before

    def lost(self, names):
        """Which of these points it must lose. ValueError: it names one that there is not."""
        want = set()
        for fail in self.fails:
            hit = {n for n in names if n == fail or (fail.endswith("*") and n.startswith(fail[:-1]))}
            if not hit:
                raise ValueError("%s: there is no point %r" % (self.name, fail))
            want |= hit
        return want


def restore(tree, before):
    for file, text in before.items():
        path = os.path.join(tree, file)
        if text is None:
            os.remove(path)
        else:
            with open(path, "w") as f:
                f.write(text)


def read(path):
    """The wrong solutions of a file."""
    found = []
    with open(path) as f:
        for number, text in enumerate(f.read().splitlines(), 1):
            at = "%s:%d" % (path, number)
            if text.startswith("="):
                words = text[1:].split()
                found.append(Wrong(words[0], "quick" in words[1:]))
            elif text and not text.startswith("#"):
                if not found:
                    raise ValueError("%s: no name before this line" % at)
                found[-1].line(at, text)
    for wrong in found:
        if not (wrong.what and wrong.places and wrong.fails):
            raise ValueError("%s: %s lacks its sentence, its change or its `Fails:`" % (path, wrong.name))
    return found
