#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The models of this folder, explored by spin: each must hold in all its states, each of its mutants must not.

    verify.py [--short] [--only WORD] [--pictures]

Prints TAP: for a model its states, transitions and time; for a mutant the length of the shortest way to the broken rule. That
way is written to build/verify/NAME.txt and drawn as NAME.svg; those that the documentation shows (PICTURES) must be
as they are in docs/pictures, and --pictures puts them there.
"""
import argparse, os, re, subprocess, sys, time

import draw

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "build", "verify")
DOCS = os.path.join(ROOT, "docs", "pictures")
LIMIT = 900          # seconds for one exploration
MEMORY = 4000        # MiB, pan's own limit

ROLES = ("L2_FRAMES", "L1_FRAMES", "RW_FRAMES", "RO_FRAMES", "OP_FRAMES", "FREE", "RETURNED", "PINS", "GUESTS", "ROOTS",
         "MIGRATE")


def paging(**roles):
    """A configuration of paging.pml: which frames may become what, as sets of bits (see the model's head)."""
    flags = ["-DTWO_DOMAINS"] if roles.pop("two", 0) else []
    roles = {name.upper(): value for name, value in roles.items()}
    return ("paging", flags + [f"-D{name}={roles.get(name, 0)}" for name in ROLES])


# What is explored whole. (explored also by the short form, model and flags)
MODELS = {
    "tables": (False, paging(l2_frames=1, l1_frames=6, rw_frames=6)),
    "more-tables": (False, paging(l2_frames=1, l1_frames=6, rw_frames=14)),
    "walker-at-leisure": (False, (lambda c: (c[0], c[1] + ["-DLAZY"]))(paging(l2_frames=1, l1_frames=2, rw_frames=6))),
    "pins": (False, paging(l2_frames=1, l1_frames=6, rw_frames=6, pins=6)),
    "used-by-the-hypervisor": (False, paging(l2_frames=1, l1_frames=6, rw_frames=2, op_frames=2)),
    "reuse": (False, paging(l2_frames=1, l1_frames=6, rw_frames=4, ro_frames=4, free=4, returned=4)),
    "roots": (False, paging(l2_frames=3, l1_frames=4, rw_frames=2, op_frames=2, roots=1)),
    "roots-are-freed": (False, paging(l2_frames=3, l1_frames=4, op_frames=4, returned=2, roots=1)),
    "both-change-roots": (False, paging(l2_frames=3, l1_frames=4, rw_frames=2, roots=3)),
    "vcpus-migrate": (False, paging(l2_frames=1, l1_frames=2, rw_frames=6, migrate=1)),
    "dom0-maps-a-guest": (True, paging(two=1, l2_frames=1, l1_frames=6, rw_frames=4, pins=4, guests=12, roots=2)),
    "domains-end": (False, paging(two=1, l2_frames=3, l1_frames=12, rw_frames=8, free=14, guests=14, roots=2)),
    "events": (True, ("events", [])),
}

# What must fail: name of the mutant, where it is tried, the rule that it breaks (page.c, port.c), and what it is.
MUTANTS = [
    ("TWO_STEPS", "used-by-the-hypervisor", "1", "a type is looked at and set in two steps"),
    ("NO_USE", "tables", "2", "a writable mapping holds no use of its type"),
    ("NOT_CHECKED", "tables", "3", "a table becomes valid, its entry unread"),
    ("PUT_FIRST", "tables", "4", "the old use is put before the entry is written"),
    ("ROOT_EARLY", "roots-are-freed", "4", "the old root is put before the new one is loaded"),
    ("NO_FLUSH", "tables", "5", "no flush when a frame changes its type"),
    ("VALID_EARLY", "tables", "5", "the new type is valid before the flush"),
    ("STAMP_EARLY", "tables", "5", "the stamp is taken before the mapping is gone"),
    ("PLAIN_STORE", "tables", "5", "the store of the entry waits in a store buffer while the stamp is taken"),
    ("STAMP_FIRST", "used-by-the-hypervisor", "5", "the stamp is taken while others may get a use"),
    ("TICK_LATE", "tables", "5", "the clock ticks after the flush"),
    ("NOTE_LATE", "tables", "5", "a CPU is noted after it has loaded the tables"),
    ("NOT_DOM0", "dom0-maps-a-guest", "5", "Dom0's processors are not flushed for a guest's frame"),
    ("REUSE", "reuse", "5", "a freed frame is handed out without a flush"),
    ("TLB_VCPU", "domains-end", "5", "tlb_vcpu keeps naming a vCPU that is freed, and another gets its address"),
    ("MARK_LATE", "events", "W1", "the sender looks at the state before it marks the event"),
    ("NO_KICK", "events", "W1", "a vCPU that runs is not fetched out of its guest"),
    ("STATE_LATE", "events", "W2", "block() looks at the events before it sets the state"),
    ("UNMASK_BLIND", "events", "W3", "the mask is cleared without a look at the pending bit"),
    ("UNMASK_LATE", "events", "W3", "the pending bit is looked at before the mask is cleared"),
    ("POLL_EARLY", "events", "W4", "a poller looks before it notes that it polls"),
    ("POLL_UNLOCKED", "events", "W4", "the note and the state are set under no lock"),
    ("CLEAR_LATE", "events", "", "the guest clears the port's bit after it has taken the items"),
    ("GUEST_UNMASKED", "events", "", "the guest looks at its inbox and sleeps without the mask between"),
]
SHORT = ("NO_FLUSH", "STAMP_EARLY", "STAMP_FIRST", "STATE_LATE", "UNMASK_BLIND", "POLL_UNLOCKED")
# Mutants whose picture the labs show. Only (A) is asserted in the one whose first broken rule is not yet the attack.
PICTURES = ("NO_FLUSH", "STAMP_EARLY", "PLAIN_STORE", "STAMP_FIRST", "TLB_VCPU", "STATE_LATE", "UNMASK_BLIND",
            "POLL_UNLOCKED")
ATTACK_ONLY = ("TLB_VCPU", "NOTE_LATE")

ESSAYS = {"paging": ("hypervisor/mm/page.c", r"A|\d"), "events": ("hypervisor/evt/port.c", r"W\d")}


def sh(command, where, limit=LIMIT):
    return subprocess.run(command, cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit)


def explore(name, model, flags, breadth):
    """pan's output: all states; @breadth: the shortest way to an error, if there is one."""
    where = os.path.join(OUT, name)
    os.makedirs(where, exist_ok=True)
    for old in os.listdir(where):
        os.remove(os.path.join(where, old))
    source = os.path.join(HERE, model + ".pml")
    for step in (["spin", "-a", *flags, source],
                 ["gcc", "-w", "-O1" if breadth else "-O2", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEMORY}", *(["-DBFS"] if breadth else []),
                  "-o", "pan", "pan.c"]):
        done = sh(step, where)
        if done.returncode or not os.path.exists(os.path.join(where, "pan.c")):
            raise RuntimeError(done.stdout)
    # A vCPU that sleeps in the model of events may do so for ever: no deadlock. Its assertion says when it is wrong.
    return sh(["./pan", "-w22", "-m5000000", *(["-E"] if model == "events" else [])], where).stdout


def figures(text):
    states = re.search(r"^\s*(\d+) states, stored", text, re.M)
    moves = re.search(r"^\s*(\d+) transitions", text, re.M)
    memory = re.search(r"^\s*([\d.]+)\s+total actual memory", text, re.M)
    return tuple(int(float(m[1])) if m else 0 for m in (states, moves, memory))


def holds(name):
    model, flags = MODELS[name][1]
    start = time.monotonic()
    text = explore(name, model, flags, False)
    states, moves, memory = figures(text)
    whole = "errors: 0" in text and "not completed" not in text and "search depth too small" not in text
    return whole, f"{name}: {states} states, {moves} transitions, {memory} MiB, {time.monotonic() - start:.0f} s", text


def steps(name, model, flags):
    """The lines that the model prints on the way to the error: (column, text)."""
    where = os.path.join(OUT, name)
    trail = os.path.join(where, model + ".pml.trail")
    if not os.path.exists(trail):
        return []
    text = sh(["spin", "-T", "-k", trail, *flags, os.path.join(HERE, model + ".pml")], where).stdout
    found = [tuple(line.strip()[1:].split("|", 1)) for line in text.splitlines() if re.match(r"\s*@.*\|", line)]
    failed = re.search(r"Error: assertion violated|assertion violated", text)
    return found if failed else []


def falls(mutant, place, rule, what, put):
    model, flags = MODELS[place][1]
    flags = flags + [f"-DMUTANT_{mutant}"] + (["-DATTACK_ONLY"] if mutant in ATTACK_ONLY else [])
    name = mutant.lower().replace("_", "-")
    text = explore(name, model, flags, True)
    way = steps(name, model, flags) if "assertion violated" in text else []
    title = f"{name}: {what}"
    if not way:
        return False, f"{title}: not noticed", text
    rows = draw.rows(way)
    drawn = draw.svg(title, f"breaks rule ({rule})" if rule else "the guest's own mistake", rows)
    with open(os.path.join(OUT, name + ".txt"), "w") as f:
        f.write(draw.text(title, rows))
    with open(os.path.join(OUT, name + ".svg"), "w") as f:
        f.write(drawn)
    if mutant in PICTURES:
        shown = os.path.join(DOCS, name + ".svg")
        if put:
            os.makedirs(DOCS, exist_ok=True)
            with open(shown, "w") as f:
                f.write(drawn)
        elif not os.path.exists(shown) or open(shown).read() != drawn:
            return False, f"{title}: docs/pictures/{name}.svg is not this way: make verify-pictures", ""
    return True, f"{title}: {len(rows)} steps", ""


def comments(model):
    """Those of the model and of the files it includes."""
    source = open(os.path.join(HERE, model + ".pml")).read()
    for part in re.findall(r'^#include "(.*)"', source, re.M):
        source += open(os.path.join(HERE, part)).read()
    return " ".join(re.findall(r"/\*.*?\*/", source, re.S))


def rules_agree(model):
    """Each rule of the essay is named in the model and broken by a mutant; each that is named there exists."""
    essay, form = ESSAYS[model]
    text = open(os.path.join(ROOT, essay)).read()
    head = text[:text.index("*/\n#include")]
    there = set(re.findall(r"^ \*\t\((%s)\)" % form, head, re.M))
    said = comments(model)
    named = set(re.findall(r"\((%s)\)" % form, said))
    span = re.search(r"\((\w?\d)\) to \((\w?\d)\)", said)
    if span:  # "Rules (1) to (5)" names those between, and no others
        named |= {r for r in there if span[1] <= r <= span[2]}
    broken = {rule for _, place, rule, _ in MUTANTS if rule and MODELS[place][1][0] == model}
    wrong = []
    if not there:
        wrong.append(f"no rules found in {essay}")
    if f"tests/verify/{model}.pml" not in head or essay not in said:
        wrong.append("essay and model do not name each other")
    for what, rules in (("not named in the model", there - named), (f"not in {essay}", named - there),
                        ("broken by no mutant", there - broken - {"A"}), (f"broken, but not in {essay}", broken - there)):
        if rules:
            wrong.append(f"{what}: {', '.join(sorted(rules))}")
    return not wrong, f"{model}.pml and {essay} speak of the same rules", "\n".join(wrong)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--short", action="store_true")
    args.add_argument("--only", default="")
    args.add_argument("--pictures", action="store_true")
    opt = args.parse_args()
    work = [lambda m=m: rules_agree(m) for m in ESSAYS if opt.only in m]
    work += [lambda n=n: holds(n) for n, (short, _) in MODELS.items()
             if opt.only in n and (short or not opt.short) and not opt.pictures]
    work += [lambda m=m: falls(*m, opt.pictures) for m in MUTANTS
             if opt.only in m[0].lower().replace("_", "-") and (m[0] in SHORT or not opt.short)
             and (m[0] in PICTURES or not opt.pictures)]
    failed = 0
    for n, job in enumerate(work, 1):
        try:
            ok, said, output = job()
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as e:
            ok, said, output = False, "cannot be explored", str(e)
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {n} - {said}", flush=True)
        if not ok:
            print("".join(f"# {line}\n" for line in output.splitlines()[-30:]), end="", flush=True)
    print(f"1..{len(work)}")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
