#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The order of the rooms, read from what the compiler made: a file uses only files of its own room and of lower ones.

    check-layers.py                    check the hypervisor, the teaching kernel (with either machine) and the tools
    check-layers.py hypervisor         check one of them
    check-layers.py --report           print figures and circles too
    check-layers.py --uses WORD        print what files with WORD in their path use and are used for, by symbol

A use is a symbol that one object file needs and another one defines (nm). An include of a header is one too, and so is the
declaration, in a header, of what another room defines. No use goes up.
In the hypervisor a room's part of each domain and vCPU is declared by the room itself, in its state.h, and guest/domain.h puts the parts
together: it alone may include state.h of higher rooms, and such a header declares types only. Who reads or writes a
field of such a part (v->evt.polling) uses the room. Files that use one another in a circle belong to one
room, or to rooms side by side, and are at most CIRCLE. A circle is a strongly connected component of the uses
by symbol.
"""
import argparse, collections, glob, os, re, subprocess, sys

CIRCLE = 5


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)


class Part:
    """@order: rooms, lowest first; words in one string are rooms side by side. @objects: pairs of a folder of objects and the folder
    of sources that they are made from. @partial: rooms of which this part lacks some files. @seams: headers that two rooms
    share, each of which implements its half: what they declare does not count as a use. @whole: the header that puts together what
the rooms declare in state.h."""

    def __init__(self, name, order, make, objects, circle=CIRCLE, partial=(), seams=(), whole=None):
        self.name, self.make, self.objects, self.circle, self.partial, self.seams = name, make, objects, circle, partial, seams
        self.whole = whole
        self.order = {room: height for height, rooms in enumerate(order) for room in rooms.split()}

    def seam(self):
        return {name for path in self.seams for name in re.findall(r"\b(\w+)(?:\(|;|\[)", without_comments(open(path).read()))}

    def room(self, path):
        """The longest row of folders that is a room; None: in no room."""
        parts = path.split("/")[:-1]
        while parts and "/".join(parts) not in self.order:
            parts.pop()
        return "/".join(parts) or None


def kernel(machine):
    """The portable kernel knows the machine only by machine.h; x86/ knows native/ and pv/ by x86/internal.h. A system call is
    implemented where it belongs and called through its table. Processes have files and memory, and files wait as processes do: these
    rooms are side by side, and their circle should become smaller, not larger."""
    return Part(f"kernel-{machine}", ["kern/lib", "kern/time", "kern/console", "kern/mm kern/proc kern/block kern/fs kern/tty", "kern/net", "kern/sys", "kern",
                                      f"drivers x86 {machine}"],
                "guest-kernel", [(f"build/guest/{d}", "guest-kernel") for d in ("64", f"{machine}64")], circle=18,
                partial=("drivers", "x86"), seams=["guest-kernel/" + h for h in ("machine.h", "x86/internal.h", "x86/linux_abi.h",
                                                                                 "x86/cpu.h", "kern/sys/syscalls.h")])


PARTS = [
    Part("hypervisor", "lib cpu pc guest mm dev gnt evt sched dom trace pv emul fv entry audit boot ghost".split(),
         "build/ringlet.elf ghost", [("build/hypervisor", "hypervisor")], whole="hypervisor/guest/domain.h"),
    kernel("pv"), kernel("native"),
    Part("tools", ["lib", "rl consoled domd keeper stored store"], "all", [("build/dom0-tools/obj", "dom0-tools")]),
]


def source_of(obj, folder):
    """hypervisor's lib/x.o and x.asm.o, the kernel's x.c.o."""
    base = obj[:-2]
    for path in (base, base + ".c"):
        if os.path.isfile(f"{folder}/{path}"):
            return path
    return None


class Uses:
    def __init__(self, part):
        self.part = part
        self.defined = {}                                                          # symbol -> file
        self.by = collections.defaultdict(lambda: collections.defaultdict(set))    # file -> file -> symbols
        self.files = set()
        wanted = collections.defaultdict(set)
        for out, folder in part.objects:
            self.read(out, folder, wanted)
        self.all_there()
        seam = part.seam()
        for path, names in wanted.items():
            for name in names:
                other = self.defined.get(name.removeprefix("__real_"), path)
                if other != path and name not in seam:
                    self.by[path][other].add(name)

    def read(self, out, folder, wanted):
        found = {}
        for obj in glob.glob(f"{out}/**/*.o", recursive=True):
            path = source_of(os.path.relpath(obj, out), folder)
            if path and self.part.room(path):
                found[obj] = path
        if not found:
            sys.exit(f"check-layers: no objects below {out}; start it in the root of the project, after make {self.part.make}")
        self.files |= set(found.values())
        listing = subprocess.run(["nm", "-A", *found], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            obj, rest = line.split(":", 1)
            kind, name = rest.split()[-2:]
            if kind == "U":
                wanted[found[obj]].add(name)
            elif kind.isupper():
                self.defined.setdefault(name, found[obj])

    def all_there(self):
        for folder in {folder for _, folder in self.part.objects}:
            for path in glob.glob(f"{folder}/**/*.c", recursive=True) + glob.glob(f"{folder}/**/*.asm", recursive=True):
                path = os.path.relpath(path, folder)
                room = self.part.room(path)
                if room and room not in self.part.partial and path not in self.files:
                    sys.exit(f"check-layers: {folder}/{path} has no object; first make {self.part.make}")


def circles(graph):
    """Strongly connected components of more than one file (Tarjan)."""
    index, low, stack, out = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in graph.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            at = stack.index(v)
            part, stack[at:] = stack[at:], []
            if len(part) > 1:
                out.append(sorted(part))

    sys.setrecursionlimit(10000)
    for v in sorted(graph):
        if v not in index:
            visit(v)
    return out


def parts_of_whole(part):
    """Member of the whole -> room that declares its type in state.h; a house may have no whole."""
    if not os.path.exists(part.whole):
        return {}
    text = without_comments(open(part.whole).read())
    rooms = [part.room(path) for path in re.findall(r'#include "(\w+/state\.h)"', text)]
    types = {name: room for room in rooms for name in
             re.findall(r"^struct (\w+) \{", open(f"{part.objects[0][1]}/{room}/state.h").read(), re.M)}
    return {member: types[name] for name, member in re.findall(r"^\tstruct (\w+) (\w+);", text, re.M) if name in types}


def fields(part):
    """Uses of a field that a higher room declares, and functions in a state.h."""
    members = parts_of_whole(part)
    if not members:
        return
    below = part.order[part.room(os.path.relpath(part.whole, part.objects[0][1]))]
    for path in sorted(glob.glob(f"{part.objects[0][1]}/**/*.[ch]", recursive=True)):
        here = part.room(os.path.relpath(path, part.objects[0][1]))
        for number, line in enumerate(without_comments(open(path).read()).split("\n"), 1) if here else ():
            for m in re.finditer(r"(?:->|[\w)\]]\.)(%s)\.\w+" % "|".join(members), line):
                if part.order[members[m[1]]] > part.order[here]:
                    yield f"{path}:{number}: {m[0].lstrip('->')} is {members[m[1]]}'s"
            if path.endswith("/state.h"):
                m = re.match(r'#include "([\w./-]+)"', line)
                if m and part.room(m[1]) and part.order[part.room(m[1])] > below:
                    yield f"{path}:{number}: includes {m[1]}, but {part.whole} includes this"
                if re.match(r"\w[^{}]*\(", line):
                    yield f"{path}:{number}: declares more than types"


def headers(part, uses):
    """Includes that go up, and declarations of what a higher room defines."""
    for folder in dict.fromkeys(folder for _, folder in part.objects):
        for path in sorted(glob.glob(f"{folder}/**/*.[ch]", recursive=True) + glob.glob(f"{folder}/**/*.asm", recursive=True)):
            here = part.room(os.path.relpath(path, folder))
            if not here or path in part.seams:
                continue
            for number, line in enumerate(without_comments(open(path).read()).split("\n"), 1):
                m = re.match(r'\s*[#%]include "([\w./-]+)"', line)
                room = m and part.room(m[1])
                part_of_whole = room and path == part.whole and m[1].endswith("/state.h")
                if room and f"{folder}/{m[1]}" not in part.seams and not part_of_whole and part.order[room] > part.order[here]:
                    yield f"{path}:{number}: includes {m[1]}"
                m = path.endswith(".h") and re.match(r"(?!static|typedef|#)\w[\w *]*?\b(\w+)(\(|;|\[)", line)
                other = m and uses.defined.get(m[1])
                if other and part.order[part.room(other)] > part.order[here]:
                    yield f"{path}:{number}: declares {m[1]}, which {other} defines"


def check(part, report):
    uses = Uses(part)
    height = lambda path: part.order[part.room(path)]
    up = [f"{path} uses {name} of {other}" for path in sorted(uses.by) for other, names in sorted(uses.by[path].items())
          for name in sorted(names) if height(other) > height(path)]
    up += headers(part, uses)
    up += fields(part) if part.whole else []
    rings = circles(uses.by)
    bad = [r for r in rings if len(r) > part.circle or len({height(p) for p in r}) > 1]
    for line in up:
        print(line)
    for ring in rings if report else bad:
        print(f"{len(ring)} files in a circle: {' '.join(ring)}")
    if report:
        print(f"{part.name}: {len(uses.files)} files, {len(up)} uses that go up, {len(rings)} circles, the largest of "
              f"{max(map(len, rings), default=0)} files, {sum(len({part.room(p) for p in r}) > 1 for r in rings)} across rooms")
    if up or bad:
        print(f"check-layers: {part.name}: {len(up)} uses go up, {len(bad)} circles are too large or of several rooms "
              f"({' < '.join(part.order)})")
    return not (up or bad)


def show(part, word):
    uses = Uses(part)
    for path in sorted(uses.by):
        for other, names in sorted(uses.by[path].items()):
            if word in path or word in other:
                print(f"{path} -> {other}: {' '.join(sorted(names))}")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("parts", nargs="*", help="hypervisor, kernel-pv, kernel-native, tools; all if none is named")
    args.add_argument("--report", action="store_true", help="figures and circles too")
    args.add_argument("--uses", metavar="WORD", help="print uses by symbol, of paths with WORD in them")
    args = args.parse_args()
    known = {p.name: p for p in PARTS}
    for name in args.parts:
        if name not in known:
            sys.exit(f"check-layers: no part is named {name}; there are {', '.join(known)}")
    parts = [known[name] for name in args.parts or known]
    if args.uses:
        for part in parts:
            show(part, args.uses)
    elif not all([check(part, args.report) for part in parts]):
        sys.exit(1)


if __name__ == "__main__":
    main()
