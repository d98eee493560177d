# SPDX-License-Identifier: MIT
"""Lab 4: the new hypercall by our own check in both kinds of guest; its documentation; and the student's test, which must
pass here and fail on hypervisors that are wrong on purpose."""

import os
import re

from grading import BUILD, Points, Watch, boot, judge_image, make, require, require_success, symbols

LAB = "4-add-a-hypercall"
OURS = os.path.join(BUILD, "labs", LAB)
HYPERVISOR = os.path.join(BUILD, "ringlet.debug.elf")
KINDS = ("pv64", "pv32")
PARTS = ("answers", "trace", "strangers", "pointers")  # as check.c numbers them
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
# What takes a reference, and what gives one back: functions of mm/page.c, and those of page.h as the handler has them.
TAKE, GIVE = (("page_get_mfn", "page_get_and_type"), ("page_get",)), (("page_put_and_type",), ("page_put",))


def test_image(kind):
    return os.path.join(BUILD, "tests", "hc-frame-info-%s.elf" % kind)


def documented():
    with open("abi/hypercalls.md") as f:
        require(re.search(r"^\| 55 \| frame_info \| word mfn, gva info \|", f.read(), re.M),
                "abi/hypercalls.md has no row 55 named frame_info with arguments (word mfn, gva info)")
    make("check-docs")


def reference_ranges():
    """{name: (first, last)} of the functions in TAKE and GIVE that the image seen.elf has, and of the handler."""
    image, own = symbols(os.path.join(OURS, "seen.elf.debug")), symbols(os.path.join(OURS, "seen.o"))
    at = {"hc_frame_info": image["hc_frame_info"]}
    base = image["hc_frame_info"] - own["hc_frame_info"]
    for shared, inlined in (TAKE, GIVE):
        at.update({n: image[n] for n in shared if n in image})
        at.update({n: base + own[n] for n in inlined if n in own})
    return {name: (a, a) for name, a in at.items()}


def holds_reference(kind):
    """In the part `trace` the check asks for a frame of its own again and again."""
    image = os.path.join(OURS, "check-%s.elf" % kind)
    watched = Watch(image, reference_ranges()).run("audit=exit", XEN=os.path.join(OURS, "seen.elf"))
    names = [name for name, _, _ in watched.seen]
    begin = 2 * PARTS.index("trace")
    require(begin in names, "%s: the check did not come so far: %s" % (kind, watched.text[-300:]))
    calls = []
    for name in names[names.index(begin):]:
        if name == begin + 1 or name == begin + 2:
            break
        if name == "hc_frame_info":
            calls.append([])
        elif calls:
            calls[-1].append(name)
    take, give = sum(TAKE, ()), sum(GIVE, ())
    bare = sum(1 for c in calls if not any(n in take for n in c))
    require(calls and not bare, "%s: %d of %d calls looked at a frame without holding a reference. What keeps it from changing "
            "hands meanwhile?" % (kind, bare, len(calls)))
    odd = sum(1 for c in calls if sum(n in take for n in c) != sum(n in give for n in c) or c[0] not in take)
    require(not odd, "%s: in %d of %d calls references were not given back as they were taken" % (kind, odd, len(calls)))


def notices(name):
    image = os.path.join(OURS, "mutant-%s.elf" % name)
    make(image)
    for kind in KINDS:
        text = boot(test_image(kind), "audit=exit", XEN=image)
        require(re.search(r"^not ok 1 - (failure|error)", text, re.M), "%s: your test does not notice a hypervisor whose frame_info %s. It says: %s"
                % (kind, MUTANTS[name], re.findall(r"RESULT.*", text)))


def main():
    points = Points()
    seen = {}

    def build():
        for kind in KINDS:
            seen[kind] = Watch(judge_image(LAB, kind, "check"), {"wrong": (symbols(HYPERVISOR)["audit_wrong"],) * 2}).run()

    def part(name):
        number = PARTS.index(name)
        for kind in KINDS:
            watched = seen[kind]
            if watched.marks().count(2 * number + 1) != 1:
                found = re.search(r"^PART %s: (.*)$" % name, watched.text, re.M)
                require(found, "%s: the machine did not live to tell:\n%s\n%s" % (kind, watched.text[-900:], HINTS[name]))
                require(False, "%s: %s. %s" % (kind, found[1], HINTS[name]))
            require(name != "trace" or "wrong" not in [n for n, _, _ in watched.seen],
                    "%s: the auditor counts other references than there are. %s" % (kind, HINTS[name]))

    def own_test():
        require(os.path.exists("tests/hc-frame-info/main.c"), "there is no tests/hc-frame-info/main.c")
        make(*(test_image(kind) for kind in KINDS))
        for kind in KINDS:
            require_success(boot(test_image(kind)))
        passed.append(True)

    def hold():
        part("answers")
        for kind in KINDS:
            holds_reference(kind)

    def test_notices(name):
        require(passed, "first let your test pass")
        notices(name)

    passed = []
    builds, handler = "the hypervisor and our check can be built", "hypervisor/mm/frame_info_op.c can be built by itself"
    points.setup(builds, build)
    points.setup(handler, lambda: make(os.path.join(OURS, "seen.elf")))
    points.point("the page of hypercalls tells of it", documented, 1, [builds])
    points.point("it answers right", lambda: part("answers"), 2, [builds])
    points.point("it leaves no trace", lambda: part("trace"), 2, [builds])
    points.point("it holds a reference while it looks", hold, 3, [builds, handler])
    points.point("it tells nothing about frames of others", lambda: part("strangers"), 3, [builds])
    points.point("it survives any pointer", lambda: part("pointers"), 3, [builds])
    points.point("your test passes in both kinds of guest", own_test, 2, [builds])
    for name, what in MUTANTS.items():
        points.point("your test notices a handler that " + what, lambda: test_notices(name), 1, [builds])
    points.end()


if __name__ == "__main__":
    main()
