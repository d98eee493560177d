#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mend_gnumach.py FILE: let Debian's gnumach-1.8-xen-486 (2:1.8+git20221224-2) start, here and on Xen.

While it drops its first, temporary mapping, it copies an entry of its page directory by a plain store. But the
directory is in use by then and read-only, as it must be under every hypervisor of PV guests: Mach takes a page
fault before it has a console, on Xen 4.17 as on Ringlet. The entry is no longer needed, so the store becomes a
no-operation of the same length. A file without this code is left alone.
"""
import sys

BEFORE = bytes.fromhex("488b9000100000")  # mov 0x1000(%rax), %rdx
STORE = bytes.fromhex("488910")  # mov %rdx, (%rax)
AFTER = bytes.fromhex("488b05")  # mov mfn_list(%rip), %rax: update_va_mapping follows
NOP = bytes.fromhex("0f1f00")

image = open(sys.argv[1], "rb").read()
if image.count(BEFORE + STORE + AFTER) == 1:
    open(sys.argv[1], "wb").write(image.replace(BEFORE + STORE + AFTER, BEFORE + NOP + AFTER))
