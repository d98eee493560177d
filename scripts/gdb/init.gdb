# SPDX-License-Identifier: MIT
# What any gdb is told (scripts/gdb/gdb.sh). python.gdb or plain.gdb follows.
set confirm off
set pagination off
set breakpoint always-inserted on
set architecture i386:x86-64
file build/ringlet.debug.elf
set tcp connect-timeout 2
