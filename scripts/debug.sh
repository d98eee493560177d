#!/bin/sh
# SPDX-License-Identifier: MIT
# Start the machine stopped, its serial line in a file, and gdb on this terminal; both end together.
set -eu
cd "$(dirname "$0")/.."
echo "The serial line is in build/debug.log (tail -f it in another terminal)."
sh scripts/run-qemu -cdrom build/ringlet.iso -s -S -monitor none -serial file:build/debug.log &
qemu=$!
trap 'kill $qemu 2>/dev/null || true' EXIT
gdb -q -x scripts/gdb.init
