#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build what the tests need, run them two at a time, print TAP, end with `N passed, N failed, N skipped`.

The tests are lines of build/tests/list, written by tests/build.mk:  name <tab> seconds <tab> shell command <tab> needed files
A test prints TAP (then each of its lines counts, and its plan and its exit code must agree), or no TAP (then only
its exit code counts). On a terminal the last line says how far it is, by the times of build/tests/times, from the last run.
Its other output means nothing: guest_test.py judges what a guest prints.
A test that cannot be built or started has failed. `# SKIP` is counted; `# TODO` is no excuse.
"""
import argparse, concurrent.futures, json, os, re, signal, subprocess, sys, time

from progress import Progress, clear

LIST = "build/tests/list"
TIMES = "build/tests/times"
# What a make that runs this says to its children: a test's own make is none of them, nor is it on a terminal.
ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKE_TERMOUT", "MAKE_TERMERR")}
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def run(name, seconds, command):
    """Output and exit code; a test that takes too long is killed with its children."""
    start = time.monotonic()
    p = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, errors="replace", start_new_session=True, env=ENV)
    try:
        out, _ = p.communicate(timeout=seconds)
        code = p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, code = p.communicate()[0] + f"\n# killed after {seconds} s\n", -1
    return name, out, code, time.monotonic() - start


def results(name, out, code):
    """[(PASSED, FAILED or SKIPPED, what)]"""
    tap = re.findall(r"^(ok|not ok) \d+\b[ -]*(.*)$", out, re.M)
    plans = [int(n) for n in re.findall(r"^1\.\.(\d+)", out, re.M)]  # a program of several groups has several
    if not tap and not plans:
        return [(FAILED if code else PASSED, f"{name}{f': exit code {code}' if code else ''}")]
    found = []
    for ok, what in tap:
        kind = FAILED if ok != "ok" else SKIPPED if re.search(r"# skip\b", what, re.I) else PASSED
        found.append((kind, f"{name}: {what}" if what else name))
    if sum(plans) != len(tap):
        found.append((FAILED, f"{name}: {len(tap)} results, {sum(plans) if plans else 'none'} planned"))
    if not any(kind == FAILED for kind, _ in found) and (code or not tap):
        found.append((FAILED, f"{name}: exit code {code}" if code else f"{name}: nothing was tested"))
    return found


def why(out):
    """The lines that say why a test failed: those behind each `not ok`, or the last ones."""
    blamed, here = [], False
    for line in out.splitlines():
        here = line.startswith("not ok") or (here and line.startswith("#"))
        if here:
            blamed.append(line)
    return "".join(f"#   {line[:400]}\n" for line in (blamed[:20] or out.splitlines()[-10:]))


def last_times():
    """{name: seconds} of earlier runs, or nothing."""
    try:
        with open(TIMES) as f:
            return {name: float(seconds) for name, seconds in json.load(f).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--make", default="make")
    args.add_argument("--only", default="", help="run tests with this in their name")
    args.add_argument("--jobs", type=int, default=2)
    opt = args.parse_args()
    counts = {PASSED: 0, FAILED: 0, SKIPPED: 0}
    again = []  # what failed, repeated at the end, where readers look first

    def report(kind, what):
        counts[kind] += 1
        print(f"{'not ok' if kind == FAILED else 'ok'} {sum(counts.values())} - {what}", flush=True)

    # -k: what can be built is tested; what cannot is a failure here and where it is used.
    built = subprocess.run(f"{opt.make} --no-print-directory -k -j{opt.jobs} test-images", shell=True, env=ENV)
    report(FAILED if built.returncode else PASSED, "build")
    tests = [line.rstrip("\n").split("\t")[:3] for line in open(LIST)] if os.path.exists(LIST) else []
    tests = [t for t in tests if opt.only in t[0]]
    tests.sort(key=lambda t: -float(t[1]))  # the long ones first, so that none runs alone at the end
    times, running = last_times(), set()
    # A test that never ran may take a twentieth of what it is allowed.
    progress = Progress({name: times.get(name, float(seconds) / 20) for name, seconds, _ in tests})

    def under_way(name, seconds, command):
        running.add(name)
        progress.show(" ".join(sorted(running)))
        return run(name, seconds, command)

    with concurrent.futures.ThreadPoolExecutor(opt.jobs) as pool:
        jobs = [pool.submit(under_way, name, float(seconds), command) for name, seconds, command in tests]
        for job in concurrent.futures.as_completed(jobs):
            name, out, code, took = job.result()
            found = results(name, out, code)
            clear()
            for kind, what in found:
                report(kind, what)
            if any(kind == FAILED for kind, _ in found):
                print("".join(f"#   {line}\n" for line in out.splitlines()[-60:]), end="")
                again.append(f"# failed: {name}\n" + why(out))
            print(f"# {name}: {took:.1f} s", flush=True)
            running.discard(name)
            times[name] = round(took, 1)
            progress.finished(name)
            progress.show(" ".join(sorted(running)))
    clear()
    with open(TIMES, "w") as f:
        json.dump(times, f)
    print("".join(again), end="")
    print(f"1..{sum(counts.values())}")
    print(", ".join(f"{counts[kind]} {kind}" for kind in (PASSED, FAILED, SKIPPED)))
    sys.exit(counts[FAILED] != 0)


if __name__ == "__main__":
    main()
