# SPDX-License-Identifier: MIT
# A gdb without Python: symbols and the connection, no more.
add-symbol-file build/guest/kernel-pv64.debug.elf
add-symbol-file build/guest/kernel-pv32.debug.elf
eval "target remote %s", $target
hbreak panic
echo This gdb has no Python, so Ringlet's commands (current, domains, vcpus, mfn, walk, hypercall-break) are missing,\n
echo backtraces end where a ring ends, and symbols are those of pv64 and pv32 kernels, whichever guest runs.\n
echo Debian's package gdb has Python; gdb-minimal has not.\n
