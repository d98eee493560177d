#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draw the pictures of the pages.

  pictures           write docs/pictures/NAME.svg of all
  pictures --check   say which are stale; the exit code tells
"""
import os
import sys

import event
import frame_types
import life
import rings
import rooms
import spaces

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "pictures")
PICTURES = {"rings": rings, "address-spaces": spaces, "life-of-a-domain": life, "types-of-a-frame": frame_types,
            "one-event": event, "rooms": rooms}


def main():
    check, stale = sys.argv[1:] == ["--check"], []
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    for name, of in PICTURES.items():
        path, text = os.path.join(OUT, name + ".svg"), str(of.draw())
        if check:
            if not os.path.exists(path) or open(path).read() != text:
                stale.append("docs/pictures/%s.svg" % name)
        else:
            with open(path, "w") as f:
                f.write(text)
    if stale:
        sys.exit("%s: not what the sources say now; `make pictures` draws them" % ", ".join(stale))


main()
