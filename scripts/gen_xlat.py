#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen_xlat.py DEF INCLUDE OUTDIR: make xlat.h, xlat.c and compat_offsets.h from abi/translated.def.

The numbers come from the compiler: a C file whose assembly output lists sizes and offsets, for -m64 and -m32.
"""
import os, re, subprocess, sys

HEAD = "/* SPDX-License-Identifier: MIT */\n/* Made by scripts/gen_xlat.py from abi/translated.def: do not edit. */\n"

HEADER = """#pragma once

#include <stdint.h>

/* Where one field lies in the hypervisor's (native, 64-bit) layout and in the guest's. Fields are little
 * endian integers: a wider destination is filled with zeros, a narrower one gets the low bytes. */
struct xlat_field {
	uint16_t native_off, guest_off;
	uint8_t native_size, guest_size;
};

/* How one is read. */
enum xlat_way {
	XLAT_SAME, /* identical layouts: a plain copy, there are no fields */
	XLAT_BY_FIELD,
	XLAT_BY_WORD, /* the guest's is a few 32-bit words, the fields in order; each native one has 32 or 64 bits */
};

/* One structure of the ABI as one kind of guest lays it out. */
struct xlat {
	uint16_t guest_size, native_size;
	uint16_t nfields;
	uint8_t way; /* enum xlat_way */
	const struct xlat_field *fields;
};

enum xlat_struct {
%s
	XLAT_COUNT
};

#define XLAT_MAX_SIZE %d /* of any of them, in any layout */

extern const struct xlat xlat_pv64[XLAT_COUNT], xlat_pv32[XLAT_COUNT];
"""


def read(path):
    headers, structs, compat = [], {}, {}
    for line in open(path):
        line = line.split("#")[0].strip()
        if line.startswith("<"):
            headers.append(line)
        elif line:
            name, _, fields = line.partition(":")
            (compat if name[0] == "@" else structs)[name.lstrip("@")] = fields.split()
    return headers, structs, compat


def spelled(field, bits):
    """?ip: eip in pv32, rip in pv64. -cs: only in pv32 (else None)."""
    if field[0] == "-":
        return field[1:] if bits == 32 else None
    return field.replace("?", "e" if bits == 32 else "r")


def measure(headers, lists, include, bits):
    """{(struct, field or None): (offset, size)}"""
    code = "".join(f"#include {h}\n" for h in headers) + "#include <stddef.h>\nvoid f(void)\n{\n"
    for s, fields in lists.items():
        for f in [None] + [g for g in (spelled(f, bits) for f in fields) if g]:
            size = f"sizeof(((struct {s} *)0)->{f})" if f else f"sizeof(struct {s})"
            off = f"offsetof(struct {s}, {f})" if f else "0"
            code += f'__asm__("->{s} {f} %c0 %c1" :: "i"({off}), "i"({size}));\n'
    asm = subprocess.run([os.environ.get("CROSS", "") + "gcc", f"-m{bits}", "-ffreestanding", "-S", "-O0", "-w", "-I", include, "-xc", "-o-", "-"],
                         input=code + "}\n", capture_output=True, text=True)
    if asm.returncode:
        sys.exit(asm.stderr)
    found = re.findall(r"->(\w+) (\S+) (\d+) (\d+)", asm.stdout)
    return {(s, None if f == "None" else f): (int(o), int(n)) for s, f, o, n in found}


def few_words(fields, size):
    """Can guest_copy.c read it word by word? `fields` are rows of struct xlat_field."""
    return (len(fields) <= 10 and size == 4 * len(fields) and
            all(row[1] == 4 * i and row[3] == 4 and row[2] in (4, 8) for i, row in enumerate(fields)))


def tables(structs, wide, narrow):
    out, rows = [HEAD + '#include "xlat.h"\n'], {"pv64": [], "pv32": []}
    for s, fields in structs.items():
        size64, size32 = wide[s, None][1], narrow[s, None][1]
        if not fields and size64 != size32:
            sys.exit(f"abi/translated.def: {s} differs in size ({size64}, {size32}): list its fields")
        rows["pv64"].append(f"[XLAT_{s}] = {{ {size64}, {size64}, 0, XLAT_SAME, 0 }},")
        if not fields:
            rows["pv32"].append(f"[XLAT_{s}] = {{ {size32}, {size64}, 0, XLAT_SAME, 0 }},")
            continue
        offsets = [(wide[s, f][0], narrow[s, f][0], wide[s, f][1], narrow[s, f][1]) for f in fields]
        way = "XLAT_BY_WORD" if few_words(offsets, size32) else "XLAT_BY_FIELD"
        out.append(f"static const struct xlat_field {s}_fields[] = {{")
        out += ["\t{ %d, %d, %d, %d }, /* %s */" % (*row, f) for row, f in zip(offsets, fields)]
        out.append("};")
        rows["pv32"].append(f"[XLAT_{s}] = {{ {size32}, {size64}, {len(fields)}, {way}, {s}_fields }},")
    for kind, lines in rows.items():
        out += [f"\nconst struct xlat xlat_{kind}[XLAT_COUNT] = {{"] + ["\t" + l for l in lines] + ["};"]
    return "\n".join(out) + "\n"


def compat_offsets(compat, wide, narrow):
    out = [HEAD + "/* Offsets and sizes of structures that are handled by hand: COMPAT_ in pv32's layout, PV64_ in pv64's, both under\n"
           " * pv32's names. */\n#pragma once\n"]
    for prefix, bits, sizes in ("COMPAT", 32, narrow), ("PV64", 64, wide):
        for s, fields in compat.items():
            out.append(f"#define {prefix}_SIZEOF_{s} {sizes[s, None][1]}")
            out += [f"#define {prefix}_{s}_{re.sub('[^0-9A-Za-z_]+', '_', spelled(f, 32))} {sizes[s, spelled(f, bits)][0]}"
                    for f in fields if spelled(f, bits)]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    path, include, outdir = sys.argv[1:]
    headers, structs, compat = read(path)
    wide = measure(headers, {**structs, **compat}, include, 64)
    narrow = measure(headers, {**structs, **compat}, include, 32)
    largest = max(n for (s, _), (_, n) in wide.items() if s in structs)
    names = "\n".join(f"\tXLAT_{s}," for s in structs)
    for file, text in (("xlat.h", HEAD + HEADER % (names, largest)), ("xlat.c", tables(structs, wide, narrow)),
                       ("compat_offsets.h", compat_offsets(compat, wide, narrow))):
        with open(os.path.join(outdir, file), "w") as f:
            f.write(text)
