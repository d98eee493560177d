#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make everything that follows from abi/hypercalls.def.

  gen_hypercalls.py DEF OUTDIR       headers and rows for the build
  gen_hypercalls.py --doc DEF ROOT   the page abi/hypercalls.md, to standard output
"""
import collections, os, re, sys

Row = collections.namedtuple("Row", "nr name who restarts args errors summary")
ROW = re.compile(r'^HYPERCALL\((\d+), (\w+), (ANY|PRIV), ([01]), ARGS\(([^)]*)\),\s*"([^"]*)", "([^"]*)"\)', re.M)
HEAD = "SPDX-License-Identifier: MIT */\n/* Made by scripts/gen_hypercalls.py from abi/hypercalls.def: do not edit. */\n"
C_TYPE = {"gva": "const void *", "word": "unsigned long ", "u32": "uint32_t ", "u64": "uint64_t "}


def read(path):
    text = open(path).read()
    rows = [Row(int(m[1]), m[2], m[3], int(m[4]), [tuple(a.split()) for a in m[5].split(", ") if a], m[6], m[7])
            for m in ROW.finditer(text)]
    if len(rows) != len(re.findall(r"^HYPERCALL\(", text, re.M)):
        sys.exit(f"{path}: a row is not of the form the head of the file describes")
    if [r.nr for r in rows] != sorted({r.nr for r in rows}):
        sys.exit(f"{path}: numbers must rise")
    by_name = {r.name: r for r in rows}
    rows = [r._replace(errors=by_name[r.errors[3:]].errors) if r.errors.startswith("as ") else r for r in rows]
    for r in rows:
        if r.who == "PRIV" and "EPERM" not in r.errors.split():
            sys.exit(f"{path}: {r.name}: EPERM is missing: a caller without the privilege gets that")
        for a in r.args:
            if len(a) != 2 or a[0] not in C_TYPE:
                sys.exit(f"{path}: {r.name}: bad argument {a}")
    return rows


def header(rows):
    out = ["/* " + HEAD + "#pragma once\n\n#include <stdint.h>\n"]
    out += [f"#define __HYPERVISOR_{r.name} {r.nr}" for r in rows]
    out.append("\n/* Those that may be executed again: HYPERCALL_RESTART() takes no others. */")
    out += [f"#define HYPERCALL_RESTARTS_{r.name} {r.nr}" for r in rows if r.restarts]
    out.append(f"\n#define HYPERCALLS_WIDE {sum(1 << r.nr for r in rows if wide(r)):#x}ull /* bit n: number n has a wide argument */")
    out.append("""#define NR_HYPERCALLS   64 /* numbers at or above it, and empty rows, answer -ENOSYS */

typedef long (*hypercall_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* The handlers. 0 or a positive result, or -errno. */""")
    for r in rows:
        args = ", ".join("uint64_t " + n for _, n in r.args) or "void"
        out.append(f"long hc_{r.name}({args});")
    return "\n".join(out) + "\n"


def wide(r):
    return sum(1 << i for i, (t, _) in enumerate(r.args) if t == "u64")


def table(rows):
    return "\n".join(["/* " + HEAD.rstrip(), "/* Number, name, arguments; bit n: argument n has 64 bits and takes two registers in "
                      "pv32; Dom0 alone may call it; it restarts. */"]
                     + [f"ROW({r.nr}, {r.name}, {len(r.args)}, {wide(r)}, {int(r.who == 'PRIV')}, {r.restarts})" for r in rows]
                     + ["#undef ROW"]) + "\n"


def errors(rows):
    """For tests: the errors that each may return."""
    out = ["/* " + HEAD + "#pragma once\n\n#include <stdbool.h>\n#include <xen/errno.h>\n\n"
           "/* Does the row of hypercall @nr list this error? */\n"
           "static inline bool hypercall_may_fail(unsigned nr, long error)\n{\n\tswitch (nr) {"]
    for r in rows:
        may = " || ".join(f"error == XEN_{e}" for e in r.errors.split()) or "false"
        out.append(f"\tcase {r.nr}: /* {r.name} */\n\t\treturn {may};")
    return "\n".join(out) + "\n\tdefault:\n\t\treturn error == XEN_ENOSYS;\n\t}\n}\n"


def nasm(rows):
    lines = "; " + HEAD.replace(" */\n/* ", "\n; ").replace(" */", "")
    return lines + "".join(f"%define __HYPERVISOR_{r.name} {r.nr}\n" for r in rows)


def stub(r, wide_words):
    """One stub: arguments to words, one call with that many registers."""
    params = ", ".join(C_TYPE[t] + n for t, n in r.args) or "void"
    words = []
    for t, n in r.args:
        split = t == "u64" and wide_words
        words += [f"(unsigned long){n}"] + ([f"(unsigned long)({n} >> 32)"] if split else [])
    call = f"__hypercall{len(words)}({', '.join([f'__HYPERVISOR_{r.name}'] + words)})"
    return (f"static inline __attribute__((always_inline)) long hypercall_{r.name}({params})\n{{\n"
            f"\treturn HYPERCALL_SEEN({r.nr}, {call});\n}}\n")


def stub_calls(regs):
    """__hypercall<n>: the registers are in-out, since a hypervisor may destroy its arguments."""
    out = []
    for n in range(6):
        params = "".join(f", unsigned long a{i}" for i in range(n))
        var = "".join(f"\tregister unsigned long r{i} __asm__(\"{regs[i]}\") = a{i};\n" for i in range(n))
        outs = "".join(f', "+r"(r{i})' for i in range(n))
        out.append(f"static inline __attribute__((always_inline)) long __hypercall{n}(unsigned nr{params})\n{{\n\tlong ret;\n{var}"
                   f'\t__asm__ volatile("call hypercall_page + %c[off]" : "=a"(ret){outs}\n'
                   f'\t\t\t : [off] "i"(nr * 32) : "memory", "cc" HYPERCALL_CLOBBER);\n\treturn ret;\n}}\n')
    return "".join(out)


def stubs(rows):
    """iret does not return and is left to assembly."""
    rows = [r for r in rows if r.name != "iret"]
    top = ("/* " + HEAD + "/*\n * Hypercalls for guest kernels, through the hypercall page (32 bytes per number) that "
           "the hypervisor fills.\n * The kernel defines the page, and is compiled with optimisation and without a red "
           "zone. HYPERCALL_SEEN: what looks at each result.\n */\n#pragma once\n\n#include \"hypercalls.h\"\n\n"
           "#ifndef HYPERCALL_SEEN\n#define HYPERCALL_SEEN(nr, result) (result)\n#endif\n\nextern char hypercall_page[4096];\n\n")
    half = lambda regs, clobber, wide: (f"#define HYPERCALL_CLOBBER {clobber}\n" + stub_calls(regs)
                                        + "\n".join(stub(r, wide) for r in rows))
    return (top + "#ifdef __x86_64__\n" + half(["rdi", "rsi", "rdx", "r10", "r8"], ', "rcx", "r11"', False)
            + "#else\n" + half(["ebx", "ecx", "edx", "esi", "edi"], "", True) + "#endif\n")


def handlers(root):
    """name -> file that defines hc_<name>, and the names that some source restarts."""
    found, restarting = {}, set()
    for folder, _, files in os.walk(os.path.join(root, "hypervisor")):
        for path in (os.path.join(folder, f) for f in files if f.endswith(".c")):
            text = open(path).read()
            for name in re.findall(r"^long hc_(\w+)\(", text, re.M):
                found[name] = os.path.relpath(path, root)
            restarting.update(re.findall(r"HYPERCALL_RESTART(?:\(|S_)(\w+)", text))
    return found, restarting


def page(rows, root):
    where, restarting = handlers(root)
    for r in rows:
        if r.restarts and r.name not in restarting:
            sys.exit(f"abi/hypercalls.def: {r.name} is said to restart, and no source restarts it")
    out = ["<!-- Made by scripts/gen_hypercalls.py from hypercalls.def: do not edit; `make docs` renews it. -->",
           "# Hypercalls\n", "How to make one: [calling.md](calling.md). Every number not listed answers -ENOSYS. "
           "*Restarts*: a long call may\nreturn to the guest half-way, which executes it again; the guest notices only "
           "that events arrive in between.\n",
           "| nr | name | arguments | who | restarts | errors | what it does | handler | test |", "|--:|---|---|---|---|---|---|---|---|"]
    for r in rows:
        src, test = where.get(r.name), "tests/hc-" + r.name.replace("_", "-")
        link = lambda path: f"[{os.path.basename(path)}](../{path})" if path and os.path.exists(os.path.join(root, path)) else "-"
        out.append(f"| {r.nr} | {r.name} | {', '.join(' '.join(a) for a in r.args) or 'none'} | "
                   f"{'any' if r.who == 'ANY' else 'Dom0'} | {'yes' if r.restarts else 'no'} | {r.errors or 'none'} | "
                   f"{r.summary} | {link(src)} | {link(test)} |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    if sys.argv[1] == "--doc":
        sys.stdout.write(page(read(sys.argv[2]), sys.argv[3]))
    else:
        all_rows, outdir = read(sys.argv[1]), sys.argv[2]
        for file, make in (("hypercalls.h", header), ("hypercall_table.inc", table), ("hypercalls.inc", nasm),
                           ("hypercall_stubs.h", stubs), ("hypercall_errors.h", errors)):
            with open(os.path.join(outdir, file), "w") as f:
                f.write(make(all_rows))
