# SPDX-License-Identifier: MIT
"""Lab 2: the student's application and the door for it, tried in both kinds of guest; predictions against what came of it.
The judge tells by marks what came of each experiment, and QEMU's log of the processor's page faults must say the same."""

import os

from grading import Points, Watch, answers, judge_image, require, require_success

LAB = "2-ring-compression"
KINDS = ("pv64", "pv32")
# As judge.c numbers them.
EXPERIMENTS = ("own", "closed", "m2p", "hypervisor", "open", "closed-again", "open-without-u", "open-with-u", "closed-with-u")
FAULTS, READS, DOOR_REFUSED, DOOR_CHANGED = 32, 64, 68, 96
OTHERS = {READS: "reads", 65: "gets-it-wrong", 66: "another exception", 67: "no-address"}
PREDICTED = ("closed", "m2p", "hypervisor", "open-without-u", "open-with-u", "closed-with-u")
NEED_A_DOOR = PREDICTED[3:]
HINTS = {
    "pv64": "Kernel and application are both in ring 3: for the processor's U/S bit they are the same. So ask of each "
            "experiment: which root is loaded, and does it lead there?",
    "pv32": "Ring 1 is a supervisor, ring 3 is not, and both walk the same tables. Error code: bit 0 the page was "
            "present, bit 2 the access came from ring 3.",
}


def faulted(part):
    """The error code of a page fault of the application in this part of the log; None if it had none."""
    codes = [value[1] for name, value, _ in part if name == "fault" and value[0] == 14 and value[3] < 0x80000000 and value[2] == 3]
    return codes[-1] & 31 if codes else None


def read_log(watched, kind):
    """{experiment: what came of it}, and the doors: marks on which the processor's log agrees."""
    came, doors = {}, []
    at = [i for i, (name, _, _) in enumerate(watched.seen) if isinstance(name, int)]
    for i, following in zip(at, at[1:] + [None]):
        number = watched.seen[i][0]
        if number == DOOR_REFUSED or number >= DOOR_CHANGED:
            doors.append(None if number == DOOR_REFUSED else number - DOOR_CHANGED)
        elif number < len(EXPERIMENTS) and following:
            name, outcome = EXPERIMENTS[number], watched.seen[following][0]
            code = faulted(watched.seen[i:following])
            require(name not in came, "the experiment %s was made twice" % name)
            require(name == "hypervisor" or code == (outcome - FAULTS if FAULTS <= outcome < READS else None),
                    "%s: the processor's page faults are not what the judge was told" % name)
            came[name] = OTHERS.get(outcome) or "faults %d" % (outcome - FAULTS)
    return came, doors


def main():
    points = Points()
    seen, predicted = {}, {}

    def run(kind):
        watched = Watch(judge_image(LAB, kind), interrupts=True).run()
        came, doors = read_log(watched, kind)
        require(set(came) == set(EXPERIMENTS) and len(doors) == 2, "the judge came to no end: " + watched.text[-400:])
        require_success(watched.text)
        seen[kind] = came, doors

    def application(kind):
        came = seen[kind][0]["own"]
        require(came == "reads", "reading a word of its own code and passing it on in a system call: it %s. "
                "The address comes in RDI or EBX; tests/attack-ring-compression shows how such code is written" % came)

    def opens(kind):
        application(kind)
        came, doors = seen[kind]
        require(doors[0] is not None, "the hypervisor refused the entry")
        require(came["open"] == "reads", "the application %s. %s" % (came["open"], HINTS[kind]))

    def one_entry(kind):
        opens(kind)
        changed = seen[kind][1][0]
        require(changed == 1, "%s entries changed on the way to the secret; one is enough" % changed)

    def closes(kind):
        opens(kind)
        came = seen[kind][0]
        require(came["closed-again"] == came["closed"], "afterwards the application %s; before it %s"
                % (came["closed-again"], came["closed"]))

    def prediction(kind, question):
        (opens if question in NEED_A_DOOR else application)(kind)  # else the experiment is another than was asked about
        mine = " ".join(predicted.get("%s %s" % (kind, question), []))
        require(mine == seen[kind][0][question], "not %s. %s" % (mine or "answered", HINTS[kind]))

    read = "the answers can be read"
    points.setup(read, lambda: predicted.update(answers(os.path.join("docs/labs", LAB, "answers.txt"))))
    for kind in KINDS:
        runs = "%s: the guest comes to its end" % kind
        points.setup(runs, lambda: run(kind))
        for what, how, worth in (("the application reads and tells", application, 1), ("the door opens", opens, 3),
                                 ("it is one entry", one_entry, 1), ("the door can be closed again", closes, 2)):
            points.point("%s: %s" % (kind, what), lambda: how(kind), worth, [runs])
        for question in PREDICTED:
            points.point("%s: prediction %s" % (kind, question), lambda: prediction(kind, question), 1, [runs, read])
    points.end()


if __name__ == "__main__":
    main()
