#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile guests: the hypercall fuzzer (tests/fuzz-hypercalls) as DomU, one of each PV kind at a time, which share grants and
ports with each other, and the fuzzing kernel of an fv domain (tests/fuzz-fv), round after round, beside a guest that works
and must not notice. After and during each round the auditor looks at every frame.

Environment: SEED (of the first round), ROUNDS, PAIRS (of PV guests in a round), CALLS (of each one's first vCPU). A failing
round is repeated by its seed: SEED=n ROUNDS=1. GHOST=1: on the build that checks each hypercall of memory and grants
against a model (make ghost). TURNS=1: the machine's two processors take turns in one thread of the host, at each PAUSE
and each interrupt. They meet less often, but none waits for another that the host does not run: many times as many calls.
"""

import os
import re

from machine import BUILD, Failure, Machine, Tap

SEED = int(os.environ.get("SEED", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "2"))
PAIRS = int(os.environ.get("PAIRS", "2"))
CALLS = int(os.environ.get("CALLS", "8000"))
GHOST = bool(os.environ.get("GHOST"))
TURNS = bool(os.environ.get("TURNS"))
SLOW = (600 if GHOST else 300) * PAIRS  # seconds that a round may take, on a host that does much else
LOG = os.path.join(BUILD, "tests", "fuzz%s%s-%d.log" % ("-ghost" if GHOST else "", "-turns" if TURNS else "", SEED))
KINDS = ("pv64", "pv32", "fv")
counted = dict.fromkeys(KINDS, (0, 0, 0))  # by the hypervisor: guests, hypercalls, other exits
fv = []  # of each round: guests, attempts
SHELL = r"[#$] (\x1b\[6n)?$"
FREE = r"free_pages\s*:\s*(\d+)"


def require(condition, text):
    if not condition:
        raise Failure(text)


def seconds(m, name):
    row = re.search(r"^%s\s+\d+\s+\d+\s+\d+\s+([-rbpscd]{6})\s+([0-9.]+)" % name, m.run("rl list"), re.M)
    require(row and not set(row[1]) & set("scd"), "%s is not alive" % name)
    return float(row[2])


def heard():
    return open(LOG, errors="replace").read()


def look_for_trouble(seed):
    text = heard()
    for bad in ("ghost: wrong", "audit: wrong", "discrepancies", "PANIC", "audit: one is running", "BUG"):
        at = text.find(bad)
        require(at < 0, "seed %d: %s" % (seed, text[max(0, at - 200):at + 1500]))


def boot(m):
    m.expect(SHELL, 120)
    m.run("rl create -q busy.cfg name=victim extra=run=work,-r,0,-s,400")
    m.run("sleep 1; rl debug-keys a")
    look_for_trouble(0)


def one_round(m, seed):
    text = m.run("fuzz-round %d %d %d" % (seed, CALLS, PAIRS), SLOW)
    look_for_trouble(seed)
    for name, calls, exits in re.findall(r"^made: fuzz(\w+) (\d+) hypercalls, (\d+) exits", text, re.M):
        kind = "fv" if name == "fv" else "pv" + name
        counted[kind] = tuple(map(sum, zip(counted[kind], (1, int(calls), int(exits)))))
    told = re.search(r"fv: (\d+) guests, (\d+) attempts", text)
    require(told and int(told[2]), "the fv guests have done nothing: " + text)
    fv.append((int(told[1]), int(told[2])))


def calls_told():
    """By the last progress line of each guest, and its kind by its first: (d7) at 4000 + 3120 calls"""
    kinds = dict(re.findall(r"\((d\d+)\) fuzz-hypercalls \((\w+)\)", heard()))
    last = {}
    for domain, first, second in re.findall(r"\((d\d+)\) at (\d+) \+ (\d+) calls", heard()):
        last[domain] = int(first) + int(second)
    return {kind: sum(n for domain, n in last.items() if kinds.get(domain) == kind) for kind in KINDS}


def sums():
    told = calls_told()
    for kind in KINDS:
        print("# %s: %d guests; " % (kind, counted[kind][0]) + "in rounds with odd seeds %d hypercalls and %d other exits"
              % counted[kind][1:] + ("; in all %d calls by its own count, at least" % told[kind] if told[kind] else ""))
    print("# %d attempts of fv guests, at least" % sum(n for _, n in fv))
    print("# ended by a crash of their own: %d" % len(re.findall(r"^\(ringlet\) d\d+: crash", heard(), re.M)))


def came_about():
    """What the guests managed, by the last line of each: all kinds of things, or they were refused everything."""
    last = {}
    for domain, first, second, line in re.findall(r"\((d\d+)\) at (\d+) \+ (\d+) calls(.*)", heard()):
        # A guest may write over its own counters.
        last[domain] = {name: min(int(n), int(first) + int(second)) for n, name in re.findall(r"(\d+) (\w+)", line)}
    sums = {name: sum(row.get(name, 0) for row in last.values()) for name in ("mapped", "copied", "bound", "up", "stored")}
    print("# with each other: %(mapped)d grants mapped, %(copied)d copied, %(bound)d ports bound; "
          "%(up)d times a vCPU up, %(stored)d stores that went through" % sums)
    if CALLS >= 8000:
        require(all(sums[name] for name in ("mapped", "copied", "bound", "up", "stored")), "they were refused everything of a kind")


def unharmed(m, before):
    require(seconds(m, "victim") > before, "the other guest made no progress")
    m.run("rl destroy victim")
    m.run("sleep 1; rl debug-keys a")
    look_for_trouble(SEED)
    require(len(re.findall(r"audit: \d+ frames, ok", heard())) >= 2 * ROUNDS, "the auditor was not heard")


def ghost_heard():
    sums = re.findall(r"ghost: (\d+) hypercalls judged, (\d+) not, (\d+) wrong", heard())
    require(sums, "the ghost was not heard")
    print("# ghost: %s hypercalls judged, %s not, %s wrong" % sums[-1])
    require(int(sums[-1][0]) > int(sums[-1][1]) and not int(sums[-1][2]), "it judged too few, or does not agree")


def main():
    tap = Tap()
    initrd = "%s ,%s" % (os.path.join(BUILD, "guest/kernel-pv64.elf"), os.path.join(BUILD, "dom0-fuzz.cpio"))
    memory, dom0 = ("224", "80M ghost=guests") if GHOST else ("320", "128M")  # the ghost looks at every frame, at each call
    options = "console=com1 com1=115200,8n1 noreboot guest_lograte=0 dom0_mem=" + dom0
    threads = "tcg,thread=" + ("single" if TURNS else "multi")
    hypervisor = os.path.join(BUILD, "ghost" if GHOST else ".", "ringlet.elf")
    with Machine(["-m", memory, "-smp", "2", "-cpu", "max", "-accel", threads, "-kernel", hypervisor,
                  "-initrd", initrd, "-append", options], LOG, limit=120 + SLOW * ROUNDS) as m:
        if tap.step("Dom0 and a working guest start", lambda: boot(m)):
            before = [0.0]
            tap.step("it works", lambda: before.insert(0, seconds(m, "victim")))
            for seed in range(SEED, SEED + ROUNDS):
                if not tap.step("round with seed %d" % seed, lambda s=seed: one_round(m, s)):
                    break
            tap.step("Dom0 and the other guest are unharmed", lambda: unharmed(m, before[0]))
            sums()
            tap.step("they came somewhere", came_about)
            if GHOST:
                tap.step("the ghost was there", ghost_heard)
    tap.end()


main()
