#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exit accounting and tracing by the real tools: a Dom0 with a pv32 and a pv64 guest at work, then an fv one; `rl stats`,
`rl top` and `rl trace` beside them. What they write as JSON comes back over the serial line and is read by Python alone.
"""

import base64
import json
import os
import re
import sys
import time
import zlib

from machine import BUILD, Failure, Machine, Tap

SHELL = r"[#$] (\x1b\[6n)?$"
WORK = "(while :; do seq 1 300 | sha256sum > /dev/null; done) & true"
RINGS = {"ring 0", "ring 1 kernel", "ring 3 kernel", "ring 3 user", "ring 1 kernel, then ring 3 user"}


def require(condition, text):
    if not condition:
        raise Failure(text)


def boot(m):
    m.expect(SHELL, 120)


def console(m, name, command):
    m.send("rl console %s\n" % name)
    m.expect(r"leave it with")
    m.send("\necho at$((70000 + 1))\n")
    m.expect("at70001", 60)
    m.expect(SHELL)
    m.run(command)
    m.send("\x1d")
    m.run("true")


def guests_work(m):
    for name, config in (("g32", "demo32.cfg"), ("g64", "demo64.cfg")):
        m.run("rl create %s name=%s memory=24" % (config, name))
        console(m, name, WORK)


def as_json(text):
    try:
        return json.loads(text)
    except ValueError as why:
        raise Failure("%s in %r" % (why, text[:200])) from None


def reasons(m, name):
    got = as_json(m.run("rl stats --json %s" % name))
    require(got["name"] == name, "another domain's: %s" % got["name"])
    found = {}
    for vcpu in got["vcpus"]:
        for r in vcpu["reasons"]:
            require(r["ticks"] >= r["count"] > 0, "implausible: %s" % r)
            found[r["reason"]] = found.get(r["reason"], 0) + r["count"]
    return found


def accounting(m):
    require("Accounting is off" in m.run("rl stats g64"), "accounting is not off at first")
    m.run("rl stats --on; rl stats --reset; sleep 3")
    g32, g64 = reasons(m, "g32"), reasons(m, "g64")
    for name, found in (("g32", g32), ("g64", g64)):
        for want in ("hypercall mmu_update", "trap #PF, page fault", "event upcall", "switched to"):
            require(want in found or want == "hypercall mmu_update" and any("update_va" in r or "mmuext" in r for r in found),
                    "%s: no %r among %s" % (name, want, sorted(found)))
    require("system call" in g64 and "int 0x80" not in g64, "g64's system calls: %s" % sorted(g64))
    require("int 0x80" in g32, "g32's system calls: %s" % sorted(g32))
    table = m.run("rl stats -v g64")
    require(re.search(r"^system call +\d+ +\d+ +\d+ +[\d.]+%$", table, re.M), "no row of system calls: " + table)
    watched = m.run("rl stats --watch -n 2 g64")
    require(watched.count("the last 1 s") == 2, "watched: " + watched)
    m.run("rl stats --off")
    before = reasons(m, "g64")
    m.run("sleep 1")
    require(reasons(m, "g64") == before, "counters move although accounting is off")


def top(m):
    text = m.run("rl top -b -n 2 -d 2", 60)
    require(len(re.findall(r"^g64 +\d+ +1 +[\d.]+ +[\d.]+( +\d+){5}$", text, re.M)) == 2, "no two lines of g64: " + text)
    got = as_json(m.run("rl top --json -n 1 -d 2", 60))
    names = {d["name"]: d for d in got["domains"]}
    require(set(names) == {"Domain-0", "g32", "g64"}, "domains: %s" % sorted(names))
    for name in ("g32", "g64"):
        d = names[name]
        require(d["traps"] > 0 and d["hypercalls"] > 0, "%s does nothing: %s" % (name, d))
        require(0 < d["hypervisor_percent"] <= d["cpu_percent"] + 5 <= 110, "%s: percentages %s" % (name, d))
    require("Accounting is off" in m.run("rl stats g64"), "top did not switch accounting off again")


def fetch(m, path, limit=120):
    """A file's text. Machine.run() would look through all of it again with each piece that comes."""
    m.send("gzip -c %s | base64; echo @@'end'\n" % path)
    until = time.monotonic() + limit
    while "@@end\n" not in m.text:
        require(time.monotonic() < until and m._read(until), "%s does not come over the line" % path)
    text, m.text = m.text.split("@@end\n", 1)
    lines = [line for line in text.splitlines() if re.fullmatch(r"[A-Za-z0-9+/]+=*", line)]
    m.run("true")
    return zlib.decompress(base64.b64decode("".join(lines)), 31).decode()


def check_track(name, events):
    """Slices strictly nested, none before the one ahead of it; returns the rings seen and the reasons in ring 0."""
    stack, now, rings, why = [], 0.0, set(), set()
    for e in events:
        require(e["ts"] >= now, "%s: time runs backwards at %s" % (name, e))
        now = e["ts"]
        if e["ph"] == "B":
            depth = {"running": 0, "ring": 1, "reason": 2, "lent": 0}[e["cat"]]
            require(len(stack) == depth, "%s: %s inside %s" % (name, e["name"], stack))
            require(depth != 2 or stack[-1] == "ring 0", "%s: a reason in %s" % (name, stack))
            if depth == 1:
                require(e["name"] in RINGS, "%s: unknown ring %r" % (name, e["name"]))
                rings.add(e["name"])
            if depth == 2:
                why.add(e["name"])
            stack.append(e["name"])
        elif e["ph"] == "E":
            require(stack, "%s: an end without beginning at %s" % (name, now))
            stack.pop()
        else:
            require(e["ph"] in "isf" and (len(stack) == 3 or name.endswith("granted pages")), "%s: a moment inside %s" % (name, stack))
    require(not stack, "%s: left open: %s" % (name, stack))
    return rings, why


def tracks(text):
    """{(domain, vCPU): events}"""
    named, found = {}, {}
    for e in as_json(text)["traceEvents"]:
        key = (e["pid"], e["tid"])
        if e["ph"] == "M":
            named.setdefault(key, []).append(e["args"]["name"])
        else:
            found.setdefault(key, []).append(e)
    return {" ".join(named[key]): events for key, events in found.items()}


# What each guest must be seen in: rings, and reasons in ring 0.
SEEN = {"g32 vCPU 0": ({"ring 0", "ring 3 user", "ring 1 kernel"}, {"int 0x80"}),
        "g64 vCPU 0": ({"ring 0", "ring 3 user", "ring 3 kernel"}, {"system call", "hypercall iret"})}


def trace_all(m):
    """A guest may have no turn while 3000 records are made: then another trace follows."""
    seen = {name: (set(), set()) for name in SEEN}
    for _ in range(10):
        said = m.run("rl trace -o /tmp/all.json -t 5 -n 3000", 60)
        require(re.search(r"^/tmp/all.json: \d+ records, \d+ lost", said), said)
        found = tracks(fetch(m, "/tmp/all.json"))
        with open(os.path.join(BUILD, "tests", "trace.json"), "w") as f:
            json.dump(found, f)
        for name, events in found.items():
            for whole, now in zip(seen.setdefault(name, (set(), set())), check_track(name, events)):
                whole |= now
        if all(rings <= seen[name][0] and why <= seen[name][1] for name, (rings, why) in SEEN.items()):
            break
    for name, (rings, why) in SEEN.items():
        require(rings <= seen[name][0] and why <= seen[name][1], "%s: %s" % (name, seen[name]))
    require(seen["g64 vCPU 0"][0] == SEEN["g64 vCPU 0"][0], "g64's rings: %s" % seen["g64 vCPU 0"][0])


def trace_one(m):
    m.run("rl trace -o /tmp/one.json -t 2 -n 1000 g32", 60)
    found = tracks(fetch(m, "/tmp/one.json"))
    require(set(found) == {"g32 vCPU 0"}, "tracks: %s" % sorted(found))
    check_track("g32 vCPU 0", found["g32 vCPU 0"])
    m.run("rl trace -o /nowhere/one.json -t 0.1 g32", code=1)
    m.run("rl trace g32", code=2)
    m.run("rm /tmp/one.json /tmp/all.json")


def fv_counted(m):
    m.run("rl create fv.cfg name=fv1")
    console(m, "fv1", WORK)
    m.run("rl stats --on; rl stats --reset; sleep 3")
    found = reasons(m, "fv1")
    m.run("rl stats --off")
    for want in ("int 0x80", "emulate iret", "emulate mov to cr", "emulate mov from cr", "emulate shadow fill",
                 "trap #PF, page fault", "timer interrupt", "switched to"):
        require(want in found, "no %r among %s" % (want, sorted(found)))
    require("trap #GP, general protection" not in found or found["trap #GP, general protection"] < found["emulate iret"],
            "privileged instructions are not counted by name: %s" % found)
    require(not any(r.startswith("hypercall") or r == "system call" for r in found), "an fv guest has hypercalls: %s" % found)


def fv_traced(m):
    m.run("rl trace -o /tmp/fv.json -t 3 -n 2000 fv1", 60)
    found = tracks(fetch(m, "/tmp/fv.json"))
    require(set(found) == {"fv1 vCPU 0"}, "tracks: %s" % sorted(found))
    rings, why = check_track("fv1 vCPU 0", found["fv1 vCPU 0"])
    require({"ring 0", "ring 1 kernel", "ring 3 user"} <= rings <= RINGS - {"ring 3 kernel"}, "fv1's rings: %s" % sorted(rings))
    require({"int 0x80", "emulate iret", "emulate shadow fill"} <= why, "fv1's reasons: %s" % sorted(why))
    m.run("rm /tmp/fv.json")
    console(m, "fv1", "seq 1 1000 | sha256sum | grep 67d4ff71d43921d5739f387da09746f405e425b07d727e4c69d029461d1f051f")
    m.run("rl destroy fv1")


def work_goes_on(m):
    for name in ("g32", "g64"):
        console(m, name, "seq 1 1000 | sha256sum | grep 67d4ff71d43921d5739f387da09746f405e425b07d727e4c69d029461d1f051f")
        m.run("rl destroy %s" % name)
    m.run("rl trace -o /tmp/dom0.json -t 0.2")
    m.send("poweroff\n")
    require(m.wait_end(60) == 0, "QEMU's exit code is not 0")


def main():
    tap = Tap()
    with Machine(["-m", "512", "-smp", "2", "-cpu", "max", "-cdrom", os.path.join(BUILD, "ringlet.iso")],
                 os.path.join(BUILD, "tests", "trace.log"), limit=800) as m:
        steps = (("Dom0 reaches its shell", boot), ("a guest of each kind works", guests_work),
                 ("rl stats counts by reason", accounting), ("rl top shows who does what", top),
                 ("rl trace: strictly nested, in order, each ring there", trace_all),
                 ("rl trace of one domain", trace_one),
                 ("rl stats of an fv domain: instructions by name, shadows", fv_counted),
                 ("rl trace of an fv domain: its kernel in ring 1", fv_traced), ("the guests have noticed nothing", work_goes_on))
        for name, step in steps:
            if not tap.step(name, lambda s=step: s(m)) and step in (boot, guests_work):
                break
    tap.end()


if __name__ == "__main__":
    sys.exit(main())
