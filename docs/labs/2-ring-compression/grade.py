# SPDX-License-Identifier: MIT
"""Lab 2: the student's application and the door for it, tried in both kinds of guest; predictions against what came of it."""

import os
import re

from grading import BUILD, Tap, answers, boot, make, require, require_success

LAB = os.path.join("labs", "2-ring-compression")
KINDS = ("pv64", "pv32")
PREDICTED = ("closed", "m2p", "hypervisor", "open-without-u", "open-with-u", "closed-with-u")
HINTS = {
    "pv64": "Kernel and application are both in ring 3: for the processor's U/S bit they are the same. So ask of each "
            "experiment: which root is loaded, and does it lead there?",
    "pv32": "Ring 1 is a supervisor, ring 3 is not, and both walk the same tables. Error code: bit 0 the page was "
            "present, bit 2 the access came from ring 3.",
}


def main():
    tap = Tap()
    seen, predicted = {}, {}

    def image(kind):
        return os.path.join(BUILD, LAB, "judge-%s.elf" % kind)

    def run():
        make("build/ringlet.elf", *(image(kind) for kind in KINDS))
        for kind in KINDS:
            text = boot(image(kind))
            require_success(text)
            seen[kind] = dict(re.findall(r"^EXPERIMENT (\S+): (.*)$", text, re.M))
            seen[kind]["doors"] = re.findall(r"^DOOR result (-?\d+), (\d+) entries changed$", text, re.M)

    def application(kind):
        require(kind in seen, "nothing to look at")
        came = seen[kind]["own"]
        require(came == "reads", "reading a word of its own code and passing it on in a system call: it %s. "
                "The address comes in RDI or EBX; tests/attack-ring-compression shows how such code is written" % came)

    def opens(kind):
        application(kind)
        result, changed = seen[kind]["doors"][0]
        require(result == "0", "the hypervisor refused the entry: %s" % result)
        require(seen[kind]["open"] == "reads", "the application %s. %s" % (seen[kind]["open"], HINTS[kind]))
        require(changed == "1", "%s entries changed on the way to the secret; one is enough" % changed)

    def closes():
        for kind in KINDS:
            opens(kind)
            require(seen[kind]["closed-again"] == seen[kind]["closed"], "%s: afterwards the application %s; before it %s"
                    % (kind, seen[kind]["closed-again"], seen[kind]["closed"]))

    def predictions(kind):
        predicted.update(predicted or answers(os.path.join("docs", LAB, "answers.txt")))
        opens(kind)  # else the experiments are others than those asked about
        wrong = [q for q in PREDICTED if " ".join(predicted.get("%s %s" % (kind, q), [])) != seen[kind][q]]
        require(not wrong, "%d of %d are not what happens, among them: %s. %s"
                % (len(wrong), len(PREDICTED), ", ".join(wrong[:1]), HINTS[kind]))

    tap.step("the guests come to their end", run)
    for kind in KINDS:
        tap.step("%s: the application reads and tells" % kind, lambda kind=kind: application(kind))
    for kind in KINDS:
        tap.step("%s: one entry opens the door" % kind, lambda kind=kind: opens(kind))
    tap.step("the door can be closed again", closes)
    for kind in KINDS:
        tap.step("%s: predictions" % kind, lambda kind=kind: predictions(kind))
    tap.end()


if __name__ == "__main__":
    main()
