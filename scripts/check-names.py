#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One name for one thing (docs/contributing.md): what a call answered, 0 or a number or -errno, is `rc`. A variable, parameter or
member of our own that is called otherwise is a fault; members that an ABI names (abi/) are not ours."""
import glob, re, sys

ROOMS = "hypervisor", "guest-kernel", "dom0-tools", "tests", "docs/labs"
# Strings, comments, includes and uses of members stay as they are; what is left is a name.
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*|^[ \t]*#[ \t]*include[^\n]*|(?:\.|->)\s*\w+'
                   r"|(?P<name>\b(?:err|ret|retval|errcode)\b)", re.S | re.M)

faults = 0
for path in sorted(p for room in ROOMS for p in glob.glob(room + "/**/*.[ch]", recursive=True)):
    with open(path) as f:
        text = f.read()
    for found in TOKEN.finditer(text):
        if found["name"]:
            print(f"{path}:{text.count(chr(10), 0, found.start()) + 1}: `{found['name']}`: call it `rc`")
            faults += 1
sys.exit(1 if faults else 0)
