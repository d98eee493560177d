# SPDX-License-Identifier: MIT
"""How far a long piece of work is, on the terminal: `[n/m] what, 1:20 left` in the last line of standard error, which the next
one takes the place of. Where standard error is no terminal nothing is written.
"""
import shutil
import sys
import time


def clear(stream=sys.stderr):
    """Take the line away, before anything else is written."""
    if stream.isatty():
        stream.write("\r\x1b[K")
        stream.flush()


class Progress:
    def __init__(self, weights, stream=sys.stderr):
        """@weights: what is to be done, and how long each takes in proportion to the others: {name: number}"""
        self.weights, self.stream = dict(weights), stream
        self.total, self.done, self.count = sum(self.weights.values()) or 1, 0.0, 0
        self.start, self.shown = time.monotonic(), stream.isatty()

    def left(self):
        """How long the rest takes, by what was done so far; nothing before ten seconds."""
        past = time.monotonic() - self.start
        if past < 10 or not self.done:
            return ""
        seconds = int(past * (self.total - self.done) / self.done)
        return ", %d:%02d left" % divmod(seconds, 60)

    def show(self, what=""):
        """Write the line; @what is under way."""
        if self.shown:
            text = "[%d/%d]%s %s" % (self.count, len(self.weights), self.left(), what)
            clear(self.stream)
            self.stream.write(text[:shutil.get_terminal_size().columns - 1])
            self.stream.flush()

    def finished(self, name):
        self.count += 1
        self.done += self.weights[name]
