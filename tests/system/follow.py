# SPDX-License-Identifier: MIT
"""`rl trace` follows a read of a guest's disk through both domains (docs/tracing.md): arrows from the guest's request to Dom0, from
Dom0's copy to the guest's pages, and from Dom0's answer back to the guest.
"""

import json
import os

from machine import require

TRACES = 6  # each of some thousand records; one with a whole read in it is enough


def named(events):
    """{(pid, tid): domain and track}, and the events that are not names."""
    names = {}
    for e in events:
        if e["ph"] == "M":
            names.setdefault((e["pid"], e["tid"]), {})[e["name"]] = e["args"]["name"]
    return {key: (n["process_name"], n["thread_name"]) for key, n in names.items()}, [e for e in events if e["ph"] != "M"]


def arrows(events):
    """[(name, from, to)], each end an event with its `track`, in order of time. Each has two ends, in time's order, and each end lies in
    a slice that is open on its track: else a viewer would draw it from nowhere, or not at all."""
    tracks, rest = named(events)
    opened, found, last = {}, {}, {}
    for e in rest:
        key = (e["pid"], e["tid"])
        require(key in tracks, "a track without a name: %s" % e)
        stack = opened.setdefault(key, [])
        if e["ph"] == "B":
            stack.append(e)
        elif e["ph"] == "E":
            require(stack, "an end without a beginning: %s" % e)
            stack.pop()
        elif e["ph"] in "sf":
            require(stack, "an arrow's end outside any slice: %s" % e)
            require(e["ph"] == "s" or e["bp"] == "e", "an arrow to the next slice: %s" % e)
            require(e["ph"] not in found.setdefault(e["id"], {}), "two ends of a kind: %s" % e)
            # What it was about stands ahead of it.
            found[e["id"]][e["ph"]] = dict(e, track=tracks[key], slice=stack[-1], args=last[key]["args"])
        else:
            require(e["ph"] == "i", "an unknown event: %s" % e)
        last[key] = e
    require(not any(opened.values()), "slices are left open")
    for ends in found.values():
        require(set(ends) == set("sf"), "an arrow with one end: %s" % ends)
        require(ends["s"]["ts"] <= ends["f"]["ts"] and ends["s"]["name"] == ends["f"]["name"], "an arrow against time: %s" % ends)
    return sorted(((a["s"]["name"], a["s"], a["f"]) for a in found.values()), key=lambda a: a[1]["ts"])


CALLS = {"event": "hypercall event_channel_op", "copy": "hypercall grant_table_op"}


def reads(found, guest, port):
    """Chains request, copy, answer: [(arrow, arrow, arrow)], the first copy and the first answer behind a request. `port`: the disk's in
    the guest. An event that an interrupt sends, whomever it meets, is nobody's request."""
    def between(name, source, target, start):
        for a in found:
            call = a[1]["slice"]["name"] in (CALLS[name], "hypercall multicall")
            if call and (a[0], a[1]["track"][0], a[2]["track"][0]) == (name, source, target) and a[1]["ts"] >= start:
                yield a

    chains = []
    for request in between("event", guest, "Domain-0", 0):
        copy = next(between("copy", "Domain-0", guest, request[2]["ts"]), None)
        answer = copy and next((a for a in between("event", "Domain-0", guest, copy[2]["ts"]) if a[1]["args"]["port"] == port), None)
        if answer:
            chains.append((request, copy, answer))
    return chains


def follow(g, share):
    """While a guest reads and writes its disk."""
    g.ask("(until [ -e /tmp/enough ]; do disk check /dev/xvda; done; echo over) > /tmp/load 2>&1 & true")
    port = int(g.dom0("rl store read /local/domain/$(rl list | awk '$1 == \"%s\" { print $2 }')/device/vbd/51712/event-channel" % g.name))
    path = os.path.join(share, "read.json")
    chains, seen = [], []
    for _ in range(TRACES):
        g.dom0("rl trace -o /host/read.json -t 20 -n 8000")
        with open(path, encoding="utf-8") as file:
            found = arrows(json.load(file)["traceEvents"])
        seen.append(len(found))
        chains = reads(found, g.name, port)
        if chains:
            break
    require(chains, "no read from its request to its answer: %s arrows" % seen)
    for request, copy, answer in chains:
        require(copy[2]["track"][1] == "granted pages" and copy[2]["slice"]["name"] == "written by Domain-0", "copied to %s" % copy[2])
        require(copy[1]["args"]["bytes"] == copy[2]["args"]["bytes"], "bytes at both ends: %s" % (copy,))
        require(answer[2]["track"][1].startswith("vCPU ") and answer[2]["args"]["port"] == port, "answered at %s" % answer[2])
        require(request[1]["args"] == request[2]["args"], "ports at both ends: %s" % (request,))
    said = g.ask("touch /tmp/enough; until grep -q over /tmp/load; do sleep 0.1; done; cat /tmp/load")
    require("are what was written" in said, said)
