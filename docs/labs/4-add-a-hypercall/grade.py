# SPDX-License-Identifier: MIT
"""Lab 4: the new hypercall by our own check in both kinds of guest; its documentation; and the student's test, which must
pass here and fail on hypervisors that are wrong on purpose."""

import os
import re

from grading import BUILD, Tap, boot, make, require, require_success

OURS = os.path.join(BUILD, "labs", "4-add-a-hypercall")
KINDS = ("pv64", "pv32")
HINTS = {
    "answers": "Compare with the life of a frame at the top of hypervisor/mm/page.c; a type without uses is none.",
    "strangers": "The frame number is whatever the guest likes. Who owns the frame, and is there one? Look how "
                 "hypervisor/mm/mmuext_op.c finds the page of a frame number.",
    "pointers": "The address is whatever the guest likes: unmapped, read-only, in your own tables. mm/guest_copy.h.",
    "trace": "Who takes a reference gives it back, on every path; and ours is not the guest's to see.",
}
MUTANTS = {
    "silent": "does nothing and answers 0",
    "monotonous": "always gives the same answer",
    "careless": "answers 0 for frames that are not the caller's",
    "forgiving": "answers 0 although nothing could be written",
}


def test_image(kind):
    return os.path.join(BUILD, "tests", "hc-frame-info-%s.elf" % kind)


def documented():
    with open("abi/hypercalls.md") as f:
        require(re.search(r"^\| 55 \| frame_info \| word mfn, gva info \|", f.read(), re.M),
                "abi/hypercalls.md has no row 55 named frame_info with arguments (word mfn, gva info)")
    make("check-docs")


def mutant(name):
    image = os.path.join(OURS, "mutant-%s.elf" % name)
    make(image)
    for kind in KINDS:
        text = boot(test_image(kind), "reboot", "audit=exit", XEN=image)
        require(re.search(r"^not ok 1 - (failure|error)", text, re.M), "%s: your test does not notice a hypervisor whose frame_info %s. It says: %s"
                % (kind, MUTANTS[name], re.findall(r"RESULT.*", text)))


def main():
    tap = Tap()
    said = {}

    def build():
        make("build/ringlet.elf", *(os.path.join(OURS, "check-%s.elf" % kind) for kind in KINDS))
        for kind in KINDS:
            said[kind] = boot(os.path.join(OURS, "check-%s.elf" % kind), "reboot")

    def part(name):
        for kind in KINDS:
            require(kind in said, "nothing to look at")
            found = re.search(r"^PART %s: (.*)$" % name, said[kind], re.M)
            require(found, "%s: the machine did not live to tell:\n%s\n%s" % (kind, said[kind][-900:], HINTS[name]))
            require(found[1] == "good", "%s: %s. %s" % (kind, found[1], HINTS[name]))
            require(name != "trace" or re.search(r"audit: .* ok", said[kind]) or "PART pointers" not in said[kind],
                    "%s: the auditor counts other references than there are. %s" % (kind, HINTS[name]))

    def own_test():
        require(os.path.exists("tests/hc-frame-info/main.c"), "there is no tests/hc-frame-info/main.c")
        make(*(test_image(kind) for kind in KINDS))
        for kind in KINDS:
            require_success(boot(test_image(kind), "reboot"))
        passed.append(True)

    def notices(name):
        require(passed, "first let your test pass")
        mutant(name)

    passed = []
    tap.step("it builds", build)
    tap.step("the page of hypercalls tells of it", documented)
    tap.step("it answers right", lambda: part("answers"))
    tap.step("it leaves no trace", lambda: part("trace"))
    tap.step("it tells nothing about frames of others", lambda: part("strangers"))
    tap.step("it survives any pointer", lambda: part("pointers"))
    tap.step("your test passes in both kinds of guest", own_test)
    for name, what in MUTANTS.items():
        tap.step("your test notices a handler that " + what, lambda name=name: notices(name))
    tap.end()


if __name__ == "__main__":
    main()
