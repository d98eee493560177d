#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layers of the hypervisor, lowest first. A file may include headers of its own layer and of lower ones.

Some headers are contracts rather than parts of a layer: they define structures (or the hooks a higher layer
fills in), and any layer may include them.
"""
import glob, re, sys

LAYERS = "lib cpu mm dev dom sched evt gnt trace pv emul fv entry boot ghost".split()
CONTRACTS = {"dom/domain.h", "dom/guest_ops.h", "sched/timer.h", "sched/sched.h", "evt/evtchn.h", "gnt/grant.h",
             "entry/hypercall.h", "cpu/percpu.h", "dev/console.h"}

files = sorted(glob.glob("hypervisor/**/*.[ch]", recursive=True))
wrong = 0
if not files:
    sys.exit("check-layers: no sources here; start it in the root of the project")
for path in files:
    parts = path.split("/")
    if len(parts) < 3:
        continue  # asm-offsets.c sees everything
    for line, text in enumerate(open(path), 1):
        m = re.match(r'#include "((\w+)/[\w./-]+)"', text)
        if not m or m[2] not in LAYERS or m[1] in CONTRACTS:
            continue
        if LAYERS.index(m[2]) > LAYERS.index(parts[1]):
            print(f"{path}:{line}: layer {parts[1]} includes {m[1]}")
            wrong += 1
if wrong:
    sys.exit(f"check-layers: {wrong} includes go upwards ({' < '.join(LAYERS)})")
