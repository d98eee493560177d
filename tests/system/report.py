#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The report's page as a browser lays it out: on a phone and on a desk, light and dark, in each unit, tables open.

No text overlaps another or is cut off, colours have contrast, nothing is fetched, nothing is complained about in
the console, and each number in a table is the file's. Made-up figures bring the extremes: very long and very short
numbers, a third unit, hardly any figures. Screenshots are left in build/tests/report/.

    report.py [RESULTS TIMELINES]    # look at a real run instead
"""

import json
import os
import re
import subprocess
import sys

from chromium import Chromium
from machine import BUILD, TOP, Failure, Tap, require

HERE = os.path.join(TOP, "tests", "system", "report")
OUT = os.path.join(BUILD, "tests", "report")
SCREENS = ((360, "light"), (360, "dark"), (1280, "light"), (1280, "dark"))
CONSOLE = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
MARGIN = 0.02  # a ratio is written with two digits or three


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def huge(run):
    """Every number as long as numbers get, and one name that is longer than a line."""
    for one in run["runs"]:
        for figure in one["figures"].values():
            for field in ("min", "p10", "median", "p90"):
                figure[field] = figure[field] * 98765.4
    run["operations"][0]["title"] = "an operation whose title is longer than anybody would write it, several lines"


def tiny(run):
    """Numbers below one, and a spread over many decades."""
    for one in run["runs"]:
        for figure in one["figures"].values():
            figure.update(min=0.04, p10=0.05, p90=figure["median"] * 30)


def cycles(run):
    """A run with hardware virtualisation: a third unit."""
    run["runs"] += [dict(r, unit="cycles", accelerator="KVM") for r in run["runs"] if r["unit"] == "ns"]


def equal(run):
    """Everything costs the same: nothing is dearer or cheaper than anything."""
    for one in run["runs"]:
        for figure in one["figures"].values():
            figure.update(min=100, p10=100, median=100, p90=100)


def sparse(run):
    """Hardly anything was measured."""
    run["runs"] = [r for r in run["runs"] if r["arrangement"] == "pv64" and r["unit"] == "ns"]
    run["pairs"], run["batches"] = [], []


def variants():
    """[(name, results, timelines)]"""
    if len(sys.argv) > 2:
        return [("run", json.loads(read(sys.argv[1])), json.loads(read(sys.argv[2])))]
    found = []
    for change in (None, huge, tiny, cycles, equal, sparse):
        run, lines = (json.loads(read(os.path.join(HERE, file))) for file in ("results.json", "timelines.json"))
        if change:
            change(run)
        if change is sparse:
            lines["timelines"] = []
        found.append((change.__name__ if change else "usual", run, lines))
    return found


def make_page(name, results, timelines):
    files = [os.path.join(OUT, "%s-%s" % (name, end)) for end in ("results.json", "timelines.json", "index.html")]
    for path, content in zip(files, (results, timelines)):
        with open(path, "w", encoding="utf-8") as out:
            json.dump(content, out)
    command = [sys.executable, "scripts/report", "--results", files[0], "--timelines", files[1], "-o", files[2]]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failure(done.stdout + done.stderr)
    return files[2]


def known_numbers(results, timelines):
    """{key: value} of everything the tables may say, by the keys of data.py and tables.py."""
    known = {}
    for run in results["runs"]:
        for operation, figure in run["figures"].items():
            for field, value in dict(figure, spread=figure["p90"] - figure["p10"]).items():
                known["/".join((run["arrangement"], run["unit"], operation, field))] = value
    for timeline in timelines["timelines"]:
        for at, segment in enumerate(timeline["segments"]):
            key = "timeline/%s/%d/" % (timeline["arrangement"], at)
            known[key + "ring"], known[key + "length"] = segment["ring"], segment["end"] - segment["start"]
    return known


def close(a, b, margin=1e-5):
    return abs(a - b) <= margin * max(abs(a), abs(b)) + 1e-9


def written(text):
    """The number that a reader sees."""
    return float(re.sub(r"[^\d.]", "", text))


def check_numbers(browser, known, accelerators):
    said = browser.evaluate(read(os.path.join(HERE, "numbers.js")))
    require(not said["stray"], "numbers that are not the file's: %s" % said["stray"][:5])
    for number in said["numbers"]:
        if number.get("key"):
            require(number["key"] in known, "the file has no %s" % number["key"])
            value = known[number["key"]]
            margin = 1e-5
        else:
            over, under = (known[key] for key in number["ratio"].split())
            value, margin = over / under, MARGIN
        require(close(value, number["value"]), "%s is %s, not %s" % (number, value, number["value"]))
        require(close(value, written(number["text"]), margin), "%s is written as %r" % (value, number["text"]))
    for figure in said["figures"]:
        require(any(a in figure["unit"] for a in accelerators), "no accelerator on a figure: %s" % figure)
        require(figure["drawings"] and figure["tables"], "a figure without drawing or table: %s" % figure)
        require(len(re.findall(r"\.(?: |$)", figure["caption"])) >= 2, "not two sentences: %r" % figure["caption"])
    return len(said["numbers"]), len(said["figures"])


# What no reader should meet: a change that is none, the number of a stub, segments that protect something (paging and the
# reach of an address do, docs/memory-layout.md), a negative cost.
NONSENSE = (r"1\.00× (?:dearer|cheaper)", r"\bstub_\d+", r"segments? (?:keep|protect)", r"\s-\d", r"\b(?:nan|inf|None)\b")


def check_sentences(browser, name):
    """Nothing contradicts itself, nor what is known of the figures."""
    text = browser.evaluate("document.querySelector('header').textContent + document.querySelector('main').textContent")
    for nonsense in NONSENSE:
        found = re.search(nonsense, text)
        require(not found, "it says %r" % (found and text[max(0, found.start() - 60):found.end() + 20]))
    if name == "equal":
        captions = browser.evaluate("[...document.querySelectorAll('#s-batches ~ .side figcaption')].map((f) => f.textContent)")
        require(captions, "no captions of batches")
        for caption in captions:
            require("as dear" in caption and not re.search("dearer|cheaper", caption), "all cost the same: %s" % caption)
    if name in ("usual", "equal", "run"):
        claims = browser.evaluate("document.querySelectorAll('#s-lectures ~ div tbody tr').length")
        require(claims >= 6, "%d claims of lectures" % claims)


def check_quiet(browser):
    """Nothing was asked of a network, and the console is empty."""
    for event in browser.events:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            require(url.startswith(("file:", "data:", "about:")), "it fetches " + url[:80])
        require(method not in CONSOLE, "%s" % event)


def check_layout(browser, page, screen, units, name):
    width, scheme = screen
    browser.open(page, width, scheme)
    browser.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    for unit in units:
        browser.evaluate("document.getElementById('u-%s').click()" % unit)
        complaints = browser.evaluate(read(os.path.join(HERE, "audit.js")))
        require(not complaints, "%s, %d complaints: %s" % (unit, len(complaints), complaints[:8]))
    browser.screenshot(os.path.join(OUT, "%s-%d-%s.png" % (name, width, scheme)))
    check_quiet(browser)


def check_self_contained(page):
    text = read(page)
    found = re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:|#)[^"'\s>]+|@import|url\(\s*["']?(?!#)""", text)
    require(not found, "it refers to %s" % found[:5])


def one_variant(tap, browser, name, results, timelines):
    made = []
    if not tap.step("%s: the page is made" % name, lambda: made.append(make_page(name, results, timelines))):
        return
    page, units = made[0], list(dict.fromkeys(r["unit"] for r in results["runs"]))
    accelerators = {r["accelerator"] for r in results["runs"] + timelines["timelines"]}
    tap.step("%s: one file, complete in itself" % name, lambda: check_self_contained(page))
    for screen in SCREENS if name in ("usual", "run") else SCREENS[::3]:
        tap.step("%s: laid out on %d points, %s" % (name, *screen),
                 lambda s=screen: check_layout(browser, page, s, units, name))
    tap.step("%s: its sentences agree with its figures" % name, lambda: check_sentences(browser, name))
    counted = []
    tap.step("%s: each number in a table is the file's" % name,
             lambda: counted.append(check_numbers(browser, known_numbers(results, timelines), accelerators)))
    if counted:
        print("# %d numbers in %d figures" % counted[0])


SPOILT = {
    "lies over": "document.querySelector('h1').insertAdjacentHTML('afterbegin', '<b style=position:fixed>it</b>')",
    "reaches out of": "document.querySelector('h1').style.marginLeft = '320px'",
    "is cut off": "document.querySelector('svg text').setAttribute('x', '-30')",
    "has a contrast": "document.querySelector('h1').style.color = getComputedStyle(document.body).backgroundColor",
}


def audit_sees(browser, page, word, spoil):
    browser.open(page, 360, "light")
    browser.evaluate("{ %s; }" % spoil)
    complaints = browser.evaluate(read(os.path.join(HERE, "audit.js")))
    require(any(word in c for c in complaints), "the audit did not say %r but %s" % (word, complaints[:5]))


def audit_works(tap, browser):
    """A page that was spoilt must not please."""
    page = make_page("spoilt", *variants()[0][1:])
    for word, spoil in SPOILT.items():
        tap.step("the audit sees text that %s" % word, lambda w=word, s=spoil: audit_sees(browser, page, w, s))


def main():
    tap = Tap()
    os.makedirs(OUT, exist_ok=True)
    with Chromium() as browser:
        audit_works(tap, browser)
        for name, results, timelines in variants():
            one_variant(tap, browser, name, results, timelines)
    tap.end()


if __name__ == "__main__":
    main()
