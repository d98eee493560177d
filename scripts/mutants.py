#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutants: the source with one check, reference, flush, lock or bound taken away, and the tests that must see it.

  mutants.py [--room WORDS] [--only WORDS] [--quick] [--jobs N]  the mutants of tests/mutants/*.mut
  mutants.py --stale                                             which of them do not fit the source any more
  mutants.py --fresh N [--seed S] [--room WORDS] [--host]        N chosen at random (scripts/fresh_mutants.py)

tests/mutants/README.md describes the files. Everything happens in copies of the tree, under build/mutants/. A mutant is
seen if one of its tests fails; each of these tests must first have passed on the source as it is. Fresh ones meet the host
tests all in one build (scripts/mutant_switch.py). A mutant that compiles to the same code changes nothing: a fresh one is
then not counted, one of the files is a failure. Prints TAP and a table by room; the exit code tells whether every mutant
applied, was built and was seen.
"""
import argparse, concurrent.futures, contextlib, glob, hashlib, itertools, os, queue, re, shutil, subprocess, sys, time

from run_tests import FAILED, LIST, results, run

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPIES = os.path.join(TOP, "build", "mutants", str(os.getpid()))
NOT_SOURCE = (".git", ".cache", "__pycache__")
NOT_BUILT = ("mutants", "labs", "guests", "guests.cpio", "iso", "ringlet.iso", "report")  # of build/
HEADER = re.compile(r"^(\S+) (\S+) \| (.*)$")
GUEST_SECONDS = 30  # of one guest test: a machine that hangs is seen
SEEN, SURVIVES, SAME, EXCUSED, TROUBLE = "seen", "survives", "same", "excused", "trouble"  # what happens to a mutant


def copy_if_there(source, to):
    """As shutil.copy2; a file that another test removes meanwhile is not needed, nor is a socket of a machine that was ended."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.isfile(source):
            shutil.copy2(source, to)


class Mutant:
    """name, file, tests (names as in build/tests/list, or those names without the kind), harm (one sentence), old and
    new text, room, quick (it belongs to the short form), excused (no test could see it, and harm says why)."""

    fresh = False

    def __init__(self, room, name, file, tests):
        self.room, self.name, self.file = room, name, file
        self.quick, self.excused = ("quick" in tests.split(), "excused" in tests.split())
        self.tests = [t for t in tests.split() if t not in ("quick", "excused")]
        self.harm, self.old, self.new = "", "", ""

    def apply(self, text):
        """The file's text with the one place changed. Any amount of white space matches any other."""
        pattern = r"\s+".join(re.escape(word) for word in self.old.split())
        found = list(re.finditer(pattern, text))
        if len(found) != 1:
            raise ValueError("its text is in %s %d times" % (self.file, len(found)))
        return text[:found[0].start()] + self.new.strip() + text[found[0].end():]


def read_file(path):
    """The mutants of one room: blocks of a header, a sentence, lines with - and lines with +."""
    room, found = os.path.basename(path)[:-4], []
    with open(path) as f:
        for at, line in enumerate(f, 1):
            line = line.rstrip("\n")
            header = line[:1] not in "+-" and HEADER.match(line)
            if not line or line.startswith("#"):
                continue
            if header:
                found.append(Mutant(room, *header.groups()))
            elif not found:
                sys.exit("%s:%d: no header before it" % (path, at))
            elif line[0] == "-":
                found[-1].old += line[1:] + "\n"
            elif line[0] == "+":
                found[-1].new += line[1:] + "\n"
            else:
                found[-1].harm = (found[-1].harm + " " + line).strip()
    for m in found:
        if not (m.old and m.harm and bool(m.tests) != m.excused):
            sys.exit("%s: %s lacks its text, its sentence or its tests" % (path, m.name))
    return found


def read_all():
    """The mutants of all rooms."""
    return [m for f in sorted(glob.glob(os.path.join(TOP, "tests", "mutants", "*.mut"))) for m in read_file(f)]


class Registered:
    """build/tests/list: name -> (seconds, command, what to build)."""

    def __init__(self):
        with open(os.path.join(TOP, LIST)) as f:
            rows = [line.rstrip("\n").split("\t") for line in f]
        self.rows = {name: (float(seconds), command, needs.split() + self.images(command))
                     for name, seconds, command, needs in rows}

    @staticmethod
    def images(command):
        """What a guest test boots."""
        return re.findall(r"build/tests/[\w-]+\.elf", command) + ["build/ringlet.elf"] if "guest-test" in command else []

    def names(self, test):
        """`test` as it is registered, or for both kinds of guest."""
        found = [n for n in (test, test + "-pv64", test + "-pv32") if n in self.rows]
        if not found:
            raise ValueError("no test is named %s" % test)
        return found


class Tree:
    """A copy of the project that is rebuilt for each mutant, one file at a time."""

    def __init__(self, number):
        self.plain = {}  # what compiled() says of files as they are
        self.path = os.path.join(COPIES, "tree-%d" % number)
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(TOP, self.path, symlinks=True, copy_function=copy_if_there, ignore=lambda folder, names: [
            n for n in names if n in NOT_SOURCE or n.endswith((".log", ".img")) or
            (folder == os.path.join(TOP, "build") and n in NOT_BUILT)])

    def make(self, targets, *options):
        """None, or make's output; without options, its end."""
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
        command = ["make", "--no-print-directory", "-s", "WARN=-w", *options, *dict.fromkeys(targets)]
        done = subprocess.run(command, cwd=self.path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        return "\n".join(done.stdout.splitlines()[0 if options else -12:]) if done.returncode else None

    def test(self, name, row):
        """Whether it passes here, what it said, and how long it took."""
        seconds, command, _ = row
        # As the runner, but in this tree, and with less time for a guest that hangs.
        _, out, code, took = run(name, seconds, "cd '%s' && SECONDS_MAX=%d && export SECONDS_MAX && %s"
                              % (self.path, GUEST_SECONDS, command))
        return not any(kind == FAILED for kind, _ in results(name, out, code)), out, took

    def compiled(self, file):
        """What the compiler makes of a source file, for each program it is part of; of a header, of all that is built. Without
        line information for debuggers. Equal to nothing if it does not compile."""
        room, name = os.path.split(file)
        outs = ["build/dom0-tools/obj", "build/dom0-tools32/obj"] if file.startswith("dom0-tools/") else ["build/hypervisor"]
        if name.endswith(".c"):
            objects = [os.path.join(out, room.split("/", 1)[1], name[:-2] + ".o") for out in outs]
            trouble = self.make(objects)
        else:
            trouble = self.make(["build/dom0-tools/rl-stored", "build/dom0-tools/rl"] if len(outs) > 1 else ["build/ringlet.elf"])
            objects = sorted(o[len(self.path) + 1:] for out in outs for o in
                             glob.glob(os.path.join(self.path, out, "**", "*.o"), recursive=True))
        if trouble:
            return float("nan")
        bare, digest = os.path.join(self.path, "bare.o"), hashlib.sha256()
        for o in objects:
            subprocess.run(["objcopy", "--strip-debug", "-R", ".comment", o, bare], cwd=self.path, check=True)
            with open(bare, "rb") as f:
                digest.update(f.read())
        return digest.digest()

    def judge(self, mutant, rows):
        """(SEEN, by which test), (SURVIVES, None), (SAME, None) or (TROUBLE, what). Tests without a machine run first, and
        only what is run is built."""
        path = os.path.join(self.path, mutant.file)
        with open(path) as f:
            whole = f.read()
        code = mutant.file.endswith((".c", ".h"))
        try:
            if code and mutant.file not in self.plain:
                self.plain[mutant.file] = self.compiled(mutant.file)
            with open(path, "w") as f:
                f.write(mutant.apply(whole))
            if code and self.compiled(mutant.file) == self.plain[mutant.file]:
                return SAME, None
            ordered = sorted(rows, key=lambda name: "build/ringlet.elf" in rows[name][2])
            for _, some in itertools.groupby(ordered, lambda name: "build/ringlet.elf" in rows[name][2]):
                some = list(some)
                trouble = self.make(need for name in some for need in rows[name][2])
                if trouble:
                    return TROUBLE, "it cannot be built:\n" + trouble
                for name in some:
                    if not self.test(name, rows[name])[0]:
                        return SEEN, name
            return SURVIVES, None
        finally:
            with open(path, "w") as f:
                f.write(whole)


class Score:
    """TAP, a line for each mutant, and the table by room."""

    def __init__(self):
        self.count, self.bad, self.rooms = 0, 0, {}

    def line(self, ok, text, more=None):
        self.count += 1
        self.bad += not ok
        print("%s %d - %s" % ("ok" if ok else "not ok", self.count, text))
        if more:
            print("# " + more.replace("\n", "\n# "))
        sys.stdout.flush()

    def mutant(self, m, fate, what):
        if fate in (SEEN, SURVIVES):
            room = self.rooms.setdefault(m.room, [0, 0])
            room[1] += 1
            room[0] += fate == SEEN
        if fate == TROUBLE:
            self.line(False, "%s: %s" % (m.name, what.split("\n")[0]), what)
        elif fate == SAME:
            self.line(m.fresh, "%s: is the same code, and does not count: %s" % (m.name, m.harm))
        elif fate == EXCUSED:
            self.line(True, "%s: is excused: %s" % (m.name, m.harm))
        else:
            self.line(fate == SEEN, "%s: %s" % (m.name, "seen by " + what if what else "SURVIVES: " + m.harm))

    def end(self):
        for room, (seen, of) in sorted(self.rooms.items()):
            print("# %-14s %3d of %3d seen" % (room, seen, of))
        seen, of = (sum(r[i] for r in self.rooms.values()) for i in (0, 1))
        print("# %-14s %3d of %3d seen%s" % ("all", seen, of, ": %d %%" % (100 * seen // of) if of else ""))
        print("1..%d" % self.count)
        sys.exit(self.bad != 0)


def without_machines(score, todo, jobs, last):
    """Judges the mutants of todo ([(mutant, rows)]) that host tests see, all in one build, or, if they are the last, all of
    them; returns the others, each with the tests that are left for it."""
    from mutant_switch import Switch
    tests = {name: row for _, rows in todo for name, row in rows.items() if name.startswith("host-")}
    switch, left = Switch(Tree(-1), [m for m, _ in todo], tests), []
    for name in switch.unsound:
        score.line(False, "%s fails on the source as it is" % name)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (m, rows), name in zip(todo, pool.map(switch.seen, [m for m, _ in todo])):
            if name or last:
                score.mutant(m, SEEN if name else SURVIVES, name)
            else:
                left.append((m, {n: row for n, row in rows.items() if n not in tests or m not in switch.inside}))
    return left


def run_all(mutants, opt):
    """Each distinct test once on the source as it is, then each mutant, a tree for each of the workers. In the
    short form it is enough that mutants outside it can still be applied."""
    jobs, hurry, quick = opt.jobs, opt.hurry, opt.quick
    score, registered = Score(), Registered()
    todo = []
    for m in mutants:
        try:
            with open(os.path.join(TOP, m.file)) as f:
                m.apply(f.read())
            if m.excused and not quick:
                score.mutant(m, EXCUSED, None)
            elif not m.excused and (m.quick or not quick):
                todo.append((m, {n: registered.rows[n] for t in m.tests for n in registered.names(t)}))
        except (ValueError, OSError) as why:
            score.mutant(m, TROUBLE, str(why))
    start, count = time.monotonic(), len(todo)
    if opt.fresh:
        todo = without_machines(score, todo, jobs, opt.host)
    trees = queue.Queue()
    for n in range(max(1, min(jobs, len(todo)))):
        trees.put(Tree(n))

    def in_a_tree(work, *args):
        tree = trees.get()
        try:
            return work(tree, *args)
        finally:
            trees.put(tree)

    def sound(tree, name, row):
        trouble = tree.make(row[2])
        if trouble:
            return name, False, trouble
        return name, *tree.test(name, row)[:2]

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        needed = {} if hurry else {name: row for _, rows in todo for name, row in rows.items()}
        first = [pool.submit(in_a_tree, sound, name, row) for name, row in needed.items()]
        unsound = [(name, out) for name, good, out in (job.result() for job in first) if not good]
        for name, out in unsound:
            score.line(False, "%s fails on the source as it is" % name, "\n".join(out.splitlines()[-20:]))
        waiting = {pool.submit(in_a_tree, Tree.judge, m, rows): m for m, rows in todo}
        for job in concurrent.futures.as_completed(waiting):
            score.mutant(waiting[job], *job.result())
    print("# %d mutants in %.0f s" % (count, time.monotonic() - start))
    shutil.rmtree(COPIES, ignore_errors=True)
    score.end()


def stale(mutants):
    """Those that cannot be applied any more, in a line each."""
    count = 0
    for m in mutants:
        try:
            with open(os.path.join(TOP, m.file)) as f:
                m.apply(f.read())
        except (ValueError, OSError) as why:
            print("mutant %s: %s" % (m.name, why), file=sys.stderr)
            count += 1
    return count


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--room", default="", help="only rooms with one of these in their name (a list with commas)")
    args.add_argument("--only", default="", help="only mutants whose names begin so (a list with commas)")
    args.add_argument("--quick", action="store_true", help="the short form")
    args.add_argument("--hurry", action="store_true", help="the tests are known to pass on the source as it is")
    args.add_argument("--stale", action="store_true", help="only: can each still be applied?")
    args.add_argument("--host", action="store_true", help="fresh ones with host tests alone; what changes nothing survives")
    args.add_argument("--jobs", type=int, default=2)
    args.add_argument("--fresh", type=int, default=0)
    args.add_argument("--seed", type=int, default=1)
    opt = args.parse_args()
    words = opt.room.split(",")
    if opt.fresh:
        from fresh_mutants import fresh
        mutants = fresh(opt.fresh, opt.seed, words, [m for m in read_all() if m.excused])
    else:
        mutants = [m for m in read_all() if any(w in m.room for w in words) and m.name.startswith(tuple(opt.only.split(",")))]
    if opt.stale:
        sys.exit(1 if stale(mutants) else 0)
    run_all(mutants, opt)


if __name__ == "__main__":
    main()
