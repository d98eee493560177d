#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Specification: every number, structure size, field offset and field size that our ABI headers define equals
what Debian's libxen-dev says, compiled for 64 and for 32 bits.

Nothing is listed by hand: the compiler is asked what our headers define (macros by -dM, structures and enums by
clang's syntax tree), then both sets of headers are compiled with one table of those names, and the values the
compiler computed are compared. A name of ours that Xen does not know is a failure, except for those below.
Output: TAP, one test per header and word size.
"""
import json, os, re, subprocess, sys

OURS, MADE, XEN = "abi/include", sys.argv[1] if len(sys.argv) > 1 else "build/abi", "/usr/include"
# Names that are ours alone, or that only exist for the other word size in Xen's headers.
OUR_OWN = {"_IOC", "_IOC_NONE", "FLAT_RING1_CS", "FLAT_RING1_DS", "FLAT_RING1_SS", "FLAT_RING3_CS", "FLAT_RING3_DS",
           "FLAT_RING3_SS", "FLAT_RING3_CS32", "FLAT_RING3_CS64", "FLAT_RING3_DS32", "FLAT_RING3_DS64", "FLAT_RING3_SS32",
           "FLAT_RING3_SS64", "HYPERVISOR_VIRT_START_PAE", "MACH2PHYS_VIRT_START_PAE", "MACH2PHYS_VIRT_END_PAE",
           "VGCF_in_syscall", "NR_HYPERCALLS", "XEN_EINTR", "XEN_ERESTART", "__HYPERVISOR_frame_info"}
ONLY = {64: {"FLAT_RING3_CS32", "FLAT_RING3_CS64", "FLAT_RING3_DS32", "FLAT_RING3_DS64", "FLAT_RING3_SS32",
             "FLAT_RING3_SS64", "VGCF_in_syscall"},
        32: {"FLAT_RING1_CS", "FLAT_RING1_DS", "FLAT_RING1_SS", "FLAT_RING3_CS", "FLAT_RING3_DS", "FLAT_RING3_SS",
             "HYPERVISOR_VIRT_START_PAE", "MACH2PHYS_VIRT_START_PAE", "MACH2PHYS_VIRT_END_PAE"}}
XEN_FLAGS = ["-D__XEN_TOOLS__", "-D__XEN_INTERFACE_VERSION__=0x00041100", "-I", XEN]
XEN_BEFORE = "#include <stddef.h>\n#include <stdint.h>\n#include <sys/ioctl.h>\n#include <xen/xen.h>\n"


def run(cmd, text):
    return subprocess.run(cmd, input=text, capture_output=True, text=True)


def root(header):
    """The header to include to get @header, whose halves for one word size do not stand alone."""
    return re.sub(r"xen-x86_(32|64)\.h$", "xen.h", header)


def macros(bits, header):
    """Object-like macros with a value that @header itself defines, and the text of each."""
    def defined(text):
        out = run(["gcc", f"-m{bits}", "-I", OURS, "-I", MADE, "-xc", "-dM", "-E", "-"], text).stdout
        return dict(re.findall(r"^#define (\w+) (.+)$", out, re.M))
    source = open(next(p for p in (os.path.join(d, header) for d in (OURS, MADE)) if os.path.exists(p))).read()
    all_ = defined(f"#include <{root(header)}>\n")
    return {n: t for n, t in all_.items() if re.search(rf"#\s*define\s+{n}\b", source)}


def declarations(bits, header):
    """{"struct name" or "union name": [(field path, sized)...]} and [enum constants] declared by @header."""
    out = run(["clang", f"-m{bits}", "-I", OURS, "-I", MADE, "-xc", "-fsyntax-only", "-Xclang", "-ast-dump=json", "-"],
              f"#include <{root(header)}>\n").stdout
    structs, enums, file = {}, [], None
    for node in json.loads(out)["inner"]:
        loc = node.get("loc", {})
        loc = loc.get("expansionLoc", loc)
        file = loc.get("file", file)
        if not file or not file.endswith("/" + header):
            continue
        if node["kind"] == "RecordDecl" and node.get("name") and node.get("completeDefinition"):
            structs[node["tagUsed"] + " " + node["name"]] = list(fields(node, ""))
        if node["kind"] == "EnumDecl":
            enums += [c["name"] for c in node.get("inner", []) if c["kind"] == "EnumConstantDecl"]
    return structs, enums


def fields(node, prefix):
    """Path of each member and whether it has a size, looking into anonymous structures and unions that have a member name."""
    inner = None
    for child in node.get("inner", []):
        if child["kind"] == "RecordDecl":
            inner = child
        elif child["kind"] == "FieldDecl" and "name" in child and not re.match(r"_?pad|_unused|rsvd", child["name"]):
            yield prefix + child["name"], not child["type"]["qualType"].endswith("[]")
            if inner and "name" not in inner:
                yield from fields(inner, prefix + child["name"] + ".")
            inner = None


def values(bits, flags, head, names):
    """{name: value} as the compiler computes it; a name that does not compile is left out."""
    names = list(names)
    while True:
        # Two halves, since an immediate operand holds 32 bits with a sign.
        body = "".join(f'__asm__("->{i} %c0 %c1" :: "i"((int)({e})), "i"((int)((long long)({e}) >> 32)));\n'
                       for i, (n, e) in enumerate(names))
        got = run(["gcc", f"-m{bits}", *flags, "-w", "-O1", "-S", "-xc", "-o-", "-"],
                  f"{head}\n#include <stddef.h>\nvoid f(void)\n{{\n# 1 \"probe\"\n{body}}}\n")
        bad = {int(l) - 1 for l in re.findall(r"^probe:(\d+):\d+: error", got.stderr, re.M)}
        if got.returncode and not bad:
            return {"cannot compile": got.stderr.strip().splitlines()[0]}
        if not got.returncode:
            return {names[int(i)][0]: (int(lo) & 0xffffffff | int(hi) << 32) & ((1 << bits) - 1)
                    for i, lo, hi in re.findall(r"->(\d+) (-?\d+) (-?\d+)", got.stdout)}
        names = [n for i, n in enumerate(names) if i not in bad]


def strings(bits, flags, head, names):
    """What each macro expands to, for those that are text."""
    text = head + "".join(f"\n@ {n}" for n in names) + "\n"
    out = run(["gcc", f"-m{bits}", *flags, "-xc", "-E", "-P", "-"], text).stdout
    return dict(zip(names, (line[1:].strip() for line in out.splitlines() if line.startswith("@"))))


def compare(bits, header, xen_header):
    texts = macros(bits, header)
    structs, enums = declarations(bits, header)
    table = [(n, f"(long)({n})") for n in list(texts) + enums]
    for s, paths in structs.items():
        table.append((f"sizeof({s})", f"sizeof({s})"))
        for p, sized in paths:
            table.append((f"offsetof({s}, {p})", f"offsetof({s}, {p})"))
            if sized:
                table.append((f"sizeof({s}.{p})", f"sizeof((({s} *)0)->{p})"))
    table = [t for t in table if t[0] not in OUR_OWN or t[0] in ONLY[bits]]
    if header == "hypercalls.h":
        table = [t for t in table if t[0].startswith("__HYPERVISOR_")]
    ours = values(bits, ["-I", OURS, "-I", MADE], f"#include <{root(header)}>", table)
    theirs = values(bits, XEN_FLAGS, XEN_BEFORE + f"#include <{xen_header}>", table)
    texts = [n for n, t in texts.items() if '"' in t]
    ours.update(strings(bits, ["-I", OURS], f"#include <{root(header)}>", texts))
    theirs.update(strings(bits, XEN_FLAGS, XEN_BEFORE + f"#include <{xen_header}>", texts))
    wrong = [f"{n}: has no value" for n, _ in table if n not in ours]
    wrong += [f"{n}: ours {ours[n]}, Xen's {theirs.get(n, 'unknown')}" for n in ours if ours[n] != theirs.get(n)]
    return len(ours), wrong


def headers():
    for folder, _, files in sorted(os.walk(os.path.join(OURS, "xen"))):
        for f in sorted(files):
            yield os.path.relpath(os.path.join(folder, f), OURS)
    yield "hypercalls.h"


if __name__ == "__main__":
    count = failed = 0
    for header in headers():
        for bits in (64, 32):
            if header.endswith(f"x86_{96 - bits}.h"):
                continue
            n, wrong = compare(bits, header, "xen/arch-x86/xen-mca.h" if header == "hypercalls.h" else root(header))
            count += 1
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'} {count} - {header}, {bits} bits: {n} values")
            for w in wrong:
                print("#   " + w)
    print(f"1..{count}")
    sys.exit(bool(failed))
