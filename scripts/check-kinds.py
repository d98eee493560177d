#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No code of the hypervisor asks "which kind of guest is this?", except the kinds themselves (hypervisor/pv, fv).

All differences are members of the interfaces in hypervisor/guest/: guest_abi, hypercall_abi, paging_rules, pv_doors and
guest_doors. Elsewhere
  - a function of them is called, and not looked at, unless its comment says that it may be NULL;
  - a fact is computed with, and not compared with a constant, which would be a question for the kind in other words;
  - the kinds have no names: pv64_kind and its like stand in boot/main.c alone, and KIND_* there and where Dom0 says of
    which kind a new domain is to be;
  - what belongs to one kind only (vcpu.fv, vcpu.mm.kind_root) is not touched.
Whether a whole interface is there (d->paging) may be asked: NULL says that such a guest has nothing of the sort.
And a kind fills each interface that it has: no member is left out, except functions that may be NULL.
"""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'hypervisor')
INTERFACES = 'guest_abi hypercall_abi paging_rules pv_doors guest_doors'.split()
HEADERS = 'guest/abi.h guest/paging.h guest/kind.h'.split()
OF_KINDS = ('pv/', 'fv/')
# The kinds' names may stand here.
NAMES = {'boot/main.c', 'guest/kind.h'}
ROWS = NAMES | {'dom/domctl_op.c', 'guest/list.c'}
# The rules of page tables written down a second time, kind by kind, so that a mistake shows as a difference.
SECOND_VIEW = {'ghost/rules.h'}

COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
# A member of a structure; its comment stands before it, or behind it from the same line on.
MEMBER = re.compile(r'((?:\s*/\*.*?\*/)*)\s*([^;/]*(?:/\*.*?\*/[^;/]*)*);([^\n]*(?:\n[^\n;]*?\*/)?)', re.S)
POINTER = r'\b(?:abi|calls|paging|rules|pv|doors)\s*(?:->|\.)\s*'
CONSTANT = r'(?:-?\d\w*|NULL|true|false|[A-Z][A-Z0-9_]+)\b'


def blank(text):
    """Without comments and strings; lines keep their numbers."""
    return COMMENT.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), text)


def members():
    """(functions that are always there, functions that may be NULL, facts, {interface: what a kind must fill})."""
    always, perhaps, facts, filled = set(), set(), set(), {}
    text = ''.join(open(os.path.join(ROOT, h)).read() for h in HEADERS)
    for name in INTERFACES:
        known = always | facts
        body = re.search(r'^struct %s \{\n(.*?)^\};' % name, text, re.S | re.M)
        if not body:
            sys.exit(f'check-kinds: no struct {name} in {", ".join(HEADERS)}')
        for m in MEMBER.finditer(body.group(1)):
            before, declaration, behind = m.groups()
            function = re.search(r'\(\*(\w+)\)\(', blank(declaration))
            if function:
                told = 'NULL:' in before + declaration + (behind if '/*' in behind else '')
                (perhaps if told else always).add(function.group(1))
            else:
                facts |= set(re.findall(r'(\w+)(?:\[\d+\])?\s*(?:,|$)', blank(declaration).strip()))
        filled[name] = (always | facts) - known
    return always, perhaps, facts, filled


def left_out(path, text, filled):
    """What the interfaces that a kind defines in this file lack."""
    for m in re.finditer(r'^(?:static )?const struct (\w+) \w+ = \{\n(.*?)^\};', blank(text), re.S | re.M):
        if m.group(1) in filled:
            for name in sorted(filled[m.group(1)] - set(re.findall(r'^\s*\.(\w+) =', m.group(2), re.M))):
                yield f'hypervisor/{path}:{text.count(chr(10), 0, m.start()) + 1}: {m.group(1)} without {name}'


def check(path, text, always, facts):
    code = blank(text)

    def say(at, what):
        yield f'hypervisor/{path}:{code.count(chr(10), 0, at) + 1}: {what}'

    for m in re.finditer(POINTER + r'(\w+)\b', code):
        name, rest = m.group(1), code[m.end():]
        if name in always and not re.match(r'\s*\(', rest):
            yield from say(m.start(), f'{name} is looked at; every kind has it: call it')
        if name in facts and path not in SECOND_VIEW:
            subject = re.match(r'(?:\[[^\]]*\])?\s*(?:[=!]=|[<>]=?)\s*' + CONSTANT, rest)
            left = re.search(CONSTANT + r'\s*(?:[=!]=|[<>]=?)\s*(?:\w+(?:->|\.))*$', code[:m.start()])
            if subject or left:
                yield from say(m.start(), f'{name} is compared with a constant: that asks for the kind')
    for m in re.finditer(r'(?:->|\bmm\.)\s*(fv|kind_root)\b', code):
        yield from say(m.start(), f'{m.group(1)} belongs to one kind')
    if path not in NAMES:
        for m in re.finditer(r'\b(pv32|pv64|fv)_(kind|abi)\b', code):
            yield from say(m.start(), f'{m.group()}: a kind by its name')
    if path not in ROWS:
        for m in re.finditer(r'\bKIND_(?:PV\w*|FV)\b', code):
            yield from say(m.start(), f'{m.group()}: a kind by its row')
    for m in re.finditer(r'\bis_(?:pv\w*|fv|32bit|compat)\b', code):
        yield from say(m.start(), f'{m.group()} asks for the kind')


def main():
    always, perhaps, facts, filled = members()
    found = []
    for folder, _, names in os.walk(ROOT):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            if name.endswith(('.c', '.h')):
                text = open(os.path.join(ROOT, path)).read()
                found += left_out(path, text, filled) if path.startswith(OF_KINDS) else check(path, text, always, facts)
    if '--members' in sys.argv:
        print('always:', *sorted(always), '\nperhaps NULL:', *sorted(perhaps), '\nfacts:', *sorted(facts))
    print(*sorted(found), sep='\n', end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
