# SPDX-License-Identifier: MIT
"""The table of operations, guest-kernel/user/cost/operations.def, for Python; and which arrangement has which."""
import re

TABLE = "guest-kernel/user/cost/operations.def"

# id, title, kind
ARRANGEMENTS = [
    {"id": "native32", "title": "bare metal, 32 bit", "kind": "native"},
    {"id": "native64", "title": "bare metal, 64 bit", "kind": "native"},
    {"id": "pv32", "title": "Ringlet, paravirtual, 32 bit", "kind": "pv"},
    {"id": "pv64", "title": "Ringlet, paravirtual, 64 bit", "kind": "pv"},
    {"id": "fv32", "title": "Ringlet, unmodified, 32 bit", "kind": "fv"},
    {"id": "xen_pv64", "title": "Xen 4.17, paravirtual, 64 bit", "kind": "xen"},
]
IDS = [a["id"] for a in ARRANGEMENTS]
BARE, GUEST = {"native32", "native64", "fv32"}, {"pv32", "pv64", "xen_pv64"}
WORD64 = {"native64", "pv64", "xen_pv64"}
WHERE = {"ALL": set(IDS), "BARE": BARE, "GUEST": GUEST, "WORD64": WORD64, "WORD32": set(IDS) - WORD64, "PAIRED": GUEST,
         "GUEST32": GUEST - WORD64, "GUEST64": GUEST & WORD64, "BARE32": BARE - WORD64, "BARE64": BARE & WORD64}

STRING = r'"([^"]*)"'


class Table:
    """operations, pairs and batches as the results name them; where[id] is the set of arrangements that have it."""

    def __init__(self, path=TABLE):
        with open(path) as f:
            text = re.sub(r"(?s)/\*.*?\*/", "", f.read())
        rows = re.findall(r"(?s)^OP\((\w+), (\w+), (\w+), %s,\s*%s,\s*%s\)" % (STRING, STRING, STRING), text, re.M)
        if len(rows) != len(re.findall(r'^OP\(\w+, \w+, \w+, "', text, re.M)) or not rows:
            raise ValueError(path + ": not every OP row can be read")
        self.operations = [{"id": r[0], "group": r[1], "title": r[3], "what": r[4], "per": r[5]} for r in rows]
        self.where = {r[0]: WHERE[r[2]] for r in rows}
        self.pairs = [{"title": p[0], "hypercall": p[1], "trap": p[2]}
                      for p in re.findall(r"^PAIR\(%s, (\w+), (\w+)\)" % STRING, text, re.M)]
        self.batches = []
        for title, size, op in re.findall(r"^BATCH\(%s, (\d+), (\w+)\)" % STRING, text, re.M):
            if not self.batches or self.batches[-1]["title"] != title:
                self.batches.append({"title": title, "points": []})
            self.batches[-1]["points"].append({"size": int(size), "op": op})
        named = [op for p in self.pairs for op in (p["hypercall"], p["trap"])]
        named += [point["op"] for b in self.batches for point in b["points"]]
        unknown = [op for op in named if op not in self.where]
        if unknown:
            raise ValueError("%s: no such operation: %s" % (path, " ".join(unknown)))

    def expected(self, arrangement):
        return {op for op, where in self.where.items() if arrangement in where}
