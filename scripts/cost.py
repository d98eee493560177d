#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make cost: the same programs on the same kernel in every arrangement, bare, paravirtual, fully virtualised and on
Debian's Xen, each counted in instructions and in time. docs/costs.md explains operations and units.

    cost.py [--quick] [ARRANGEMENT...]

Each run is written to build/report/run-ARRANGEMENT-UNIT.json, and all existing runs together to
build/report/results.json. An arrangement that does not finish, or lacks an operation, is an error.
"""
import concurrent.futures, glob, json, os, re, subprocess, sys, threading, time

sys.path.insert(0, "tests/system")
import bench  # noqa: E402
from cost_table import ARRANGEMENTS, IDS, Table  # noqa: E402
import progress  # noqa: E402
from machine import Failure, Machine  # noqa: E402
from main_job import Console  # noqa: E402

OUT = "build/report"
CPU = "EPYC,-monitor,-smap"  # what Xen starts on under QEMU, and all others too
KINDS = {  # unit: what QEMU is told, how the accelerator is called
    "instructions": (["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"], "TCG -icount shift=0"),
    "ns": (["-accel", "tcg,thread=single"], "TCG"),
    "cycles": (["-accel", "kvm"], "KVM"),
}
SHELL = r"[\w-]+:/root# "
HYPERVISOR = "console=com1 com1=115200,8n1 dom0_mem=160M dom0_max_vcpus=1 noreboot"
GUEST = "build/guest/"
table = Table()
said = threading.Lock()


def say(text):
    with said:
        progress.clear()
        print(text, flush=True)


def start(arrangement):
    """QEMU's arguments."""
    word = arrangement[-2:]
    if arrangement.startswith("native"):
        return ["-m", "256", "-kernel", GUEST + "kernel-%s.elf" % arrangement, "-append", "quiet",
                "-initrd", GUEST + "initrd%s.cpio" % word]
    dom0 = "pv32" if arrangement == "pv32" else "pv64"
    files = GUEST + "kernel-%s.elf quiet,build/dom0%s.cpio" % (dom0, "-32" if dom0 == "pv32" else "")
    if arrangement != "xen_pv64":
        return ["-m", "512", "-kernel", "build/ringlet.elf", "-append", HYPERVISOR, "-initrd", files]
    image = bench.xen()
    if not image:
        raise Failure("Debian's Xen cannot be fetched")
    return ["-m", "512", "-kernel", image, "-append", HYPERVISOR + " loglvl=warning guest_loglvl=none", "-initrd", files]


def cost(m, arguments):
    """Run `cost --json`; (figures in ticks, ticks in a microsecond)."""
    text = m.run("cost --json " + arguments, 600)
    try:
        answer = json.loads(text[text.index("{"):])
    except ValueError as why:
        raise Failure("`cost` printed no JSON (%s): %s" % (why, text[-400:])) from None
    return answer["figures"], answer["ticks_per_us"]


def between_domains(m, word, quick):
    """A second domain on the same processor: it answers at an event channel, then only yields."""
    m.run("rl create -q demo%s.cfg name=answer" % word, 120)
    domid = m.run("rl list | grep answer").split()[1]
    with Console(m, "answer"):
        m.send("cost --answer 0 &\n")
        port = m.expect(r"port (\d+)\n", 60)[1]
    figures, _ = cost(m, "%s--peer %s:%s domain_round_trip" % (quick, domid, port))
    with Console(m, "answer"):
        m.send("cost --yield &\n")
        m.run("true")
    more, _ = cost(m, quick + "--yielding domain_switch")
    m.run("rl destroy answer", 60)
    return figures | more


def measure(arrangement, unit, quick=False, logs=OUT):
    """One boot; figures in that unit. A Failure if they are not all there."""
    flags = "--quick " if quick else ""
    log = "%s/cost-%s-%s.log" % (logs, arrangement, unit)
    cpu = ["-cpu", "host" if unit == "cycles" else CPU]
    with Machine(cpu + KINDS[unit][0] + start(arrangement), log, 900) as m:
        m.expect(SHELL, 300)
        if arrangement == "fv32":
            m.run("rl create -q fv.cfg extra=quiet", 120)
            with Console(m, "fv"):
                figures, rate = cost(m, flags)
        else:
            figures, rate = cost(m, flags)
        if arrangement in table.where["domain_round_trip"]:
            figures.update(between_domains(m, arrangement[-2:], flags))
    expected, found = table.expected(arrangement), set(figures)
    if expected != found:
        raise Failure("operations missing: %s; not expected: %s" % (
            " ".join(sorted(expected - found)) or "none", " ".join(sorted(found - expected)) or "none"))
    if unit == "instructions" and not 990 < rate < 1010:
        raise Failure("%.1f ticks in a microsecond: these are not instructions" % rate)
    scale = 1000 / rate if unit == "ns" else 1
    return {op: {k: v if k == "n" else round(v * scale, 1) for k, v in f.items()} for op, f in figures.items()}


def run(arrangement, unit, quick):
    begin = time.monotonic()
    name = "%s, %s" % (arrangement, KINDS[unit][1])
    result = "%s/run-%s-%s.json" % (OUT, arrangement, unit)
    if os.path.exists(result):
        os.remove(result)  # what an earlier run found would hide a failure
    try:
        figures = measure(arrangement, unit, quick)
    except Failure as why:
        say("cost: %s: FAILED: %s" % (name, why))
        return False
    with open(result, "w") as f:
        json.dump({"arrangement": arrangement, "accelerator": KINDS[unit][1], "unit": unit, "figures": figures}, f)
    say("cost: %s: %d operations in %.0f s" % (name, len(figures), time.monotonic() - begin))
    return True


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[0]


def xen_facts(path):
    """What Debian's Xen was told, and what it said of its mitigations, by the log of a run; nothing if there was none."""
    try:
        with open(path, errors="replace") as f:
            log = f.read().replace("\r", "")
    except OSError:
        return {}
    options = re.search(r"^\(XEN\) Command line: (.*)$", log, re.M)
    says = re.findall(r"^\(XEN\) +((?:Compiled-in support|Xen settings|Support for PV VMs|XPTI|PV L1TF)[^:]*: .*)$", log, re.M)
    return {"xen_options": options[1], "xen_says": list(dict.fromkeys(says))} if options and says else {}


def merge():
    """All existing runs, in the order of the arrangements."""
    runs = []
    for path in glob.glob(OUT + "/run-*.json"):
        with open(path) as f:
            r = json.load(f)
        if set(r["figures"]) == table.expected(r["arrangement"]):
            runs.append(r)
        else:
            say("cost: %s is of another table of operations, and left out" % path)
    runs.sort(key=lambda r: (IDS.index(r["arrangement"]), list(KINDS).index(r["unit"])))
    xen = re.search(r"(4\.17\.\d+)", " ".join(os.listdir(bench.OUT))) if os.path.isdir(bench.OUT) else None
    host = {"qemu": output_of("qemu-system-x86_64", "--version"), "cpu": CPU,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "ringlet": output_of("git", "describe", "--always", "--dirty"), "xen": xen[1] if xen else "4.17",
            **xen_facts(OUT + "/cost-xen_pv64-instructions.log")}
    results = {"schema": 1, "host": host, "operations": table.operations, "pairs": table.pairs,
               "batches": table.batches, "arrangements": ARRANGEMENTS, "runs": runs}
    with open(OUT + "/results.json", "w") as f:
        json.dump(results, f, indent=1)
    return results


def median(results, arrangement, op, unit="instructions"):
    for r in results["runs"]:
        if r["arrangement"] == arrangement and r["unit"] == unit and op in r["figures"]:
            return r["figures"][op]["median"]
    return None


def ratios(results):
    """The two goals: a hypercall against the trap for the same, and Ringlet's traps against Xen's."""
    say("\ninstructions: by hypercall, by trap (goal: 5 times as many), and the trap in fv32")
    for pair in results["pairs"]:
        for arrangement in ("pv64", "pv32"):
            asked, trapped = (median(results, arrangement, pair[k]) for k in ("hypercall", "trap"))
            unmodified = median(results, "fv32", pair["trap"]) if arrangement == "pv32" else None
            if asked and (trapped or unmodified):
                say("  %-24s %s %7.0f" % (pair["title"], arrangement, asked) + "".join(
                    " %7.0f %5.1f times%s" % (t, t / asked, where)
                    for t, where in ((trapped, ""), (unmodified, " in fv32")) if t))
    say("instructions: Ringlet's trap, Xen's, the ratio (goal: 0.7)")
    for op in results["operations"]:
        ours, theirs = (median(results, a, op["id"]) for a in ("pv64", "xen_pv64"))
        if op["id"].endswith("_instr") and ours and theirs:
            say("  %-36s %7.0f %7.0f %5.2f" % (op["title"], ours, theirs, ours / theirs))


def kvm_runs():
    """Does KVM run a kernel here? That the device exists says little."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    try:
        with Machine(["-cpu", "host"] + KINDS["cycles"][0] + start("native64"), OUT + "/kvm.log", 30) as m:
            m.expect(SHELL, 20)
    except Failure:
        return False
    return True


def main():
    words = sys.argv[1:]
    quick = "--quick" in words
    wanted = [w for w in words if w != "--quick"] or IDS
    unknown = [w for w in wanted if w not in IDS]
    if unknown:
        sys.exit("cost: no such arrangement: %s (there are %s)" % (" ".join(unknown), " ".join(IDS)))
    os.makedirs(OUT, exist_ok=True)
    os.makedirs(bench.OUT, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        kvm = pool.submit(kvm_runs)
        jobs = [pool.submit(run, a, unit, quick) for a in wanted for unit in ("instructions", "ns")]
        if kvm.result():
            jobs += [pool.submit(run, a, "cycles", quick) for a in wanted]
        else:
            say("cost: KVM runs no kernel here: no cycles")
        far = progress.Progress({job: 1 for job in jobs})
        far.show("measuring")
        for job in concurrent.futures.as_completed(jobs):
            far.finished(job)
            far.show("measuring")
        progress.clear()
        done = [job.result() for job in jobs]
    ratios(merge())
    if not all(done):
        sys.exit("cost: %d of %d runs failed; the logs are in %s" % (done.count(False), len(done), OUT))


if __name__ == "__main__":
    main()
