# SPDX-License-Identifier: MIT
"""Fresh mutants in one build: each changed place chooses at run time, by the variable MUTANT of the environment, whether it is
as it was or as a mutant has it. So the host tests are built once for all mutants, and each mutant costs only the run of those
tests that come by its place. For scripts/mutants.py --fresh; what no host test sees is then judged in the usual way."""

import collections
import os
import re

from fresh_mutants import CONDITION, comments_blanked

REACHED = "build/reached"  # what a run came by: a byte for each mutant
UNUSED = "-no-pie -Wl,--unresolved-symbols=ignore-all"  # calls that the compiler left out of the unchanged source are there now
SYSCALLS = {"open": 2, "ftruncate": 77, "mmap": 9, "close": 3}  # x86-64; by number, since tests have open() of their own
# Stands before each changed file, so once in each object; the linker keeps one copy. Functions of the C library have
# names of their own here, because the hypervisor may have others of the same name. (A test may have made __asm__ another word.)
SWITCH = r'''
#ifndef MUTANT_SWITCH
#define MUTANT_SWITCH
char *mutant_getenv(const char *) asm("getenv");
long mutant_syscall(long, ...) asm("syscall");
__attribute__((weak)) int mutant_now = -1;
__attribute__((weak)) unsigned char mutant_nowhere[%(count)d], *mutant_reached = mutant_nowhere;
/* What is reached goes to a mapped file, so that it counts in a child that leaves by _exit(), too. */
__attribute__((weak)) void mutant_note(void)
{
	long f = mutant_syscall(%(open)d, "%(reached)s", 0102, 0666); /* for both, created */
	long at;

	mutant_syscall(%(ftruncate)d, f, %(count)dL);
	at = mutant_syscall(%(mmap)d, 0L, %(count)dL, 3L, 1L, f, 0L); /* to read and write, shared */
	mutant_syscall(%(close)d, f);
	if (at != -1)
		mutant_reached = (unsigned char *)at;
}
__attribute__((weak, constructor)) void mutant_choose(void)
{
	const char *s = mutant_getenv("MUTANT");
	if (!s) {
		mutant_note();
		return;
	}
	for (mutant_now = 0; *s; s++)
		mutant_now = mutant_now * 10 + *s - '0';
}
static inline __attribute__((always_inline, unused)) int mutant_is(int i)
{
	mutant_reached[i] = 1;
	return mutant_now == i;
}
#endif
#line 1
'''.lstrip("\n")


def switched(text, mutants):
    """A file's text with all of `mutants` ([(number, mutant)]) in it. No line moves."""
    blank = comments_blanked(text)
    conditions = [(m.start(1), m.end(1)) for m in CONDITION.finditer(blank)]
    edits, forms = [], collections.defaultdict(str)
    for number, m in mutants:
        whole = next(((a, b) for a, b in conditions if a <= m.start and m.end <= b), None)
        if whole:
            a, b = whole
            forms[whole] += "mutant_is(%d) ? !!(%s) : " % (number, " ".join((blank[a:m.start] + m.new + blank[m.end:b]).split()))
        elif m.old.startswith("\t"):  # a statement
            edits += [(m.start, "{ if (!mutant_is(%d)) { " % number), (m.end, " } }")]
        else:  # an operator, and the operand that the mutant leaves out
            operator, operand = re.match(r"( [-+&] )(.*)", m.old, re.S).groups()
            nothing = "-1LL" if "&" in operator else "0"
            edits += [(m.start + len(operator), "(mutant_is(%d) ? %s : " % (number, nothing)), (m.end, ")")]
    for (a, b), others in forms.items():
        edits += [(a, others + "!!("), (b, ")")]
    for at, new in sorted(edits, key=lambda e: -e[0]):
        text = text[:at] + new + text[at:]
    return text


class Switch:
    """A tree with many mutants in it, and the host tests that were built there."""

    def __init__(self, tree, mutants, rows):
        """`rows`: name -> row of build/tests/list."""
        self.tree, self.rows, self.unsound = tree, rows, []
        self.count, self.originals = len(mutants), {}
        self.inside = {m: number for number, m in enumerate(mutants)}
        for file in {m.file for m in mutants}:
            with open(os.path.join(tree.path, file)) as f:
                self.originals[file] = f.read()
            self.write(file)
        self.build()
        self.took, self.near = {}, collections.defaultdict(list)  # name -> seconds; number -> the tests that come by
        for name in rows:
            self.look(name)
        for names in self.near.values():
            names.sort(key=self.took.get)

    def write(self, file):
        text = switched(self.originals[file], [(number, m) for m, number in self.inside.items() if m.file == file])
        with open(os.path.join(self.tree.path, file), "w") as f:
            f.write(SWITCH % dict(SYSCALLS, count=self.count, reached=os.path.join(self.tree.path, REACHED)) + text)

    def build(self):
        """Some places can have no choice (a constant that the compiler needs): their mutants are left to the usual way."""
        while True:
            said = self.tree.make([need for row in self.rows.values() for need in row[2]], "-k", "-j2", "WARN=-w " + UNUSED)
            wrong = set(re.findall(r"^(?:\.\./)*([\w./-]+):(\d+):\d+: error", said or "", re.M))
            left_out = set()
            for file, line in wrong:
                here = [m for m in self.inside if m.file == file]
                nearest = min((abs(m.line - int(line)) for m in here), default=None)
                left_out |= {m for m in here if abs(m.line - int(line)) == nearest}
            if not left_out:
                return
            for m in left_out:
                del self.inside[m]
            for file in {m.file for m in left_out}:
                self.write(file)

    def look(self, name):
        """Runs a test on the source as it is: does it pass, how long does it take, what does it come by?"""
        reached = os.path.join(self.tree.path, REACHED)
        if os.path.exists(reached):
            os.remove(reached)
        passed, _, self.took[name] = self.tree.test(name, self.rows[name])
        if not passed or not os.path.exists(reached):
            self.unsound += [] if passed else [name]
            return
        with open(reached, "rb") as f:
            for number, byte in enumerate(f.read()):
                if byte:
                    self.near[number].append(name)

    def seen(self, mutant):
        """Which test sees it, or None."""
        number = self.inside.get(mutant)
        for name in self.near.get(number, ()):
            seconds, command, needs = self.rows[name]
            limit = min(seconds, 20 + 10 * self.took[name])  # many loops for ever when a mutant is in them
            if not self.tree.test(name, (limit, "export MUTANT=%d && %s" % (number, command), needs))[0]:
                return name
        return None
