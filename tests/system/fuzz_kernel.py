#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""System calls at random on one build of the teaching kernel (tests/kernel/fuzz.c), with two processors. SEED, ROUNDS and
CALLS are the environment's; afterwards the kernel still passes its own checks.

    fuzz_kernel.py KIND
"""

import os
import sys

from attack import PROMPT, boot, run
from machine import BUILD, Failure, Machine, Tap

SEED, ROUNDS, CALLS = (int(os.environ.get(name, value)) for name, value in (("SEED", 1), ("ROUNDS", 3), ("CALLS", 1000)))
ROUND_LIMIT = 100  # seconds for one round, on a busy machine


def fuzz(m):
    output, code = run(m, "fuzz %d %d %d 3" % (SEED, ROUNDS, CALLS), 60 + ROUND_LIMIT * ROUNDS)
    if code:
        raise Failure("seed %d: %s" % (SEED, output.strip()[-1500:]))
    print("# " + output.strip().split("\n")[-1])


def still_works(m):
    """Processes, pipes and memory; no file, since the fuzzer may have put a directory or a full tmpfs in its place."""
    output, code = run(m, "seq 1 20000 | sort -rn | tail -n 1", 60)
    if code or "20000" not in output:
        raise Failure("exit code %d: %s" % (code, output.strip()[-600:]))


def main():
    kind, tap = sys.argv[1], Tap()
    log = os.path.join(BUILD, "tests", "fuzz-kernel-%s.log" % kind)
    with Machine(boot(kind), log, limit=200 + ROUND_LIMIT * ROUNDS) as m:
        m.expect(PROMPT, 120)
        if tap.step("%s: %d rounds with seed %d" % (kind, ROUNDS, SEED), lambda: fuzz(m)):
            tap.step("%s: the shell still works" % kind, lambda: still_works(m))
    tap.end()


if __name__ == "__main__":
    main()
