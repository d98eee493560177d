#!/bin/sh
# SPDX-License-Identifier: MIT
# Start the machine stopped, its serial line in a file, and gdb on this terminal; both end together. GDB_PORT may be
# set in the environment.
set -eu
cd "$(dirname "$0")/.."
port=${GDB_PORT:-1234}
echo "The serial line is in build/debug.log (tail -f it in another terminal)."
sh scripts/run-qemu -cdrom build/ringlet.iso -gdb "tcp:127.0.0.1:$port" -S -monitor none -serial file:build/debug.log &
qemu=$!
trap 'kill $qemu 2>/dev/null || true' EXIT
gdb -q -ex "set \$port = $port" -x scripts/gdb.init
