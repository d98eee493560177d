#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the report from the files of a run; `make report` calls it.

    python3 scripts/report [--results FILE] [--timelines FILE] [-o FILE]
"""

import argparse
import os

from data import load
from page import render


def main():
    args = argparse.ArgumentParser(prog="report", description="Write the cost report as one HTML page.")
    args.add_argument("--results", default="build/report/results.json")
    args.add_argument("--timelines", default="build/report/timelines.json")
    args.add_argument("-o", "--output", default="build/report/index.html")
    opt = args.parse_args()
    os.makedirs(os.path.dirname(os.path.abspath(opt.output)), exist_ok=True)
    page = render(load(opt.results, opt.timelines))
    with open(opt.output, "w", encoding="utf-8") as out:
        out.write(page)


if __name__ == "__main__":
    main()
