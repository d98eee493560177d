#!/bin/sh
# SPDX-License-Identifier: MIT
# gdb on this terminal, connected to a machine that waits (debug.sh): gdb.sh [gdb's options]. GDB_PORT may be set in the
# environment.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(gdb -nx -batch -ex 'python print("yes")' 2>/dev/null)" = yes ]; then
	form=python
else
	form=plain
fi
port=${GDB_PORT:-1234}
: "${RINGLET_TARGET:=127.0.0.1:$port}" "${RINGLET_BOOT=$(cat "build/debug-$port.boot" 2>/dev/null || true)}"
export RINGLET_TARGET RINGLET_BOOT
exec gdb -q -ex "set \$target = \"$RINGLET_TARGET\"" -x scripts/gdb/init.gdb -x scripts/gdb/$form.gdb "$@"
