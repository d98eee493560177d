#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build what the tests need, run them two at a time, print TAP, end with `N passed, N failed`.

The tests are lines of build/tests/list, written by tests/build.mk:  name <tab> seconds <tab> shell command
A test prints TAP (then each of its lines counts), or a line `RESULT success|skip|error|failure why` (a guest test),
or nothing of the kind (then its exit code counts). A test that cannot be built or started has failed.
"""
import argparse, concurrent.futures, os, re, signal, subprocess, sys, time

LIST = "build/tests/list"


def run(name, seconds, command):
    """Output and exit code; a test that takes too long is killed with its children."""
    start = time.monotonic()
    p = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, errors="replace", start_new_session=True)
    try:
        out, _ = p.communicate(timeout=seconds)
        code = p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, code = p.communicate()[0] + f"\n# killed after {seconds} s\n", -1
    return name, out, code, time.monotonic() - start


def results(name, out, code):
    """[(passed, what)]"""
    guest = re.findall(r"^.*?\bRESULT (success|skip|error|failure) ?(.*)$", out, re.M)
    if guest:  # the worst of them counts: the auditor may have something to add
        word, why = max(guest, key=lambda r: ("success", "skip", "error", "failure").index(r[0]))
        return [(word in ("success", "skip"), f"{name}{': ' + word + ' ' + why if word != 'success' else ''}")]
    tap = re.findall(r"^(ok|not ok)\b *\d* *-? *(.*)$", out, re.M)
    found = [(ok == "ok" or "# TODO" in what, f"{name}: {what}") for ok, what in tap]
    plan = re.search(r"^1\.\.(\d+)", out, re.M)
    if tap and plan and int(plan[1]) != len(tap):
        found.append((False, f"{name}: {len(tap)} results, {plan[1]} planned"))
    if not found or (code and all(ok for ok, _ in found)):
        found.append((code == 0, f"{name}{f': exit code {code}' if code else ''}"))
    return found


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--make", default="make")
    args.add_argument("--only", default="", help="run tests with this in their name")
    args.add_argument("--jobs", type=int, default=2)
    opt = args.parse_args()
    counts = {True: 0, False: 0}

    def report(ok, what):
        counts[ok] += 1
        print(f"{'ok' if ok else 'not ok'} {sum(counts.values())} - {what}", flush=True)

    # -k: whatever can be built is tested, whatever cannot is a failure here and where it is used.
    built = subprocess.run(f"{opt.make} --no-print-directory -k -j{opt.jobs} test-images", shell=True)
    report(built.returncode == 0, "build")
    tests = [line.rstrip("\n").split("\t") for line in open(LIST)] if os.path.exists(LIST) else []
    tests = [t for t in tests if opt.only in t[0]]
    tests.sort(key=lambda t: -float(t[1]))  # the long ones first, so that none is left alone at the end
    with concurrent.futures.ThreadPoolExecutor(opt.jobs) as pool:
        jobs = [pool.submit(run, name, float(seconds), command) for name, seconds, command in tests]
        for job in concurrent.futures.as_completed(jobs):
            name, out, code, took = job.result()
            found = results(name, out, code)
            for ok, what in found:
                report(ok, what)
            if not all(ok for ok, _ in found):
                print("".join(f"#   {line}\n" for line in out.splitlines()[-60:]), end="")
            print(f"# {name}: {took:.1f} s")
    print(f"1..{sum(counts.values())}")
    print(f"{counts[True]} passed, {counts[False]} failed")
    sys.exit(counts[False] != 0)


if __name__ == "__main__":
    main()
