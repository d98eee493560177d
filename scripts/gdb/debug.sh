#!/bin/sh
# SPDX-License-Identifier: MIT
# A machine that waits for gdb before its first instruction: debug.sh [QEMU's options]. In the environment:
#	WINDOWS=2	its console is this terminal, and gdb runs in another one (gdb.sh; the default)
#	WINDOWS=tmux	both in this terminal, one above the other
#	WINDOWS=1	gdb on this terminal; the console's output appears there too, and gdb's command `type` types into it
#	GDB_PORT	where gdb finds the machine: 1234 (not with WINDOWS=1: there nobody else can)
#	BOOT		which kernel's symbols are needed first: pv64, pv32, native64 or native32; else those of the PV kernels
set -eu
cd "$(dirname "$0")/../.."
port=${GDB_PORT:-1234}
boots=build/debug-$port.boot # for gdb.sh

in_tmux() {
	command -v tmux >/dev/null || { echo "WINDOWS=tmux needs tmux (Debian: apt install tmux)." >&2; exit 1; }
	top="WINDOWS=2 BOOT=${BOOT:-} GDB_PORT=$port sh scripts/gdb/debug.sh $(quoted "$@")"
	below="GDB_PORT=$port sh scripts/gdb/gdb.sh"
	if [ -n "${TMUX:-}" ]; then
		tmux split-window -v "$below"
		exec sh -c "$top"
	fi
	exec tmux new-session "$top" \; split-window -v "$below"
}

# The arguments as words of the shell.
quoted() {
	for word; do
		printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"
	done
}

# The machine in a session of its own, since ^C is gdb's. Sockets lead to its console and to its gdb server.
on_one_terminal() {
	console=build/debug-$$.console
	server=build/debug-$$.gdb
	rm -f "$console" "$server"
	SERIAL=chardev:console setsid sh scripts/run-qemu "$@" -S -monitor none \
		-chardev "socket,id=console,path=$console,server=on,wait=off,logfile=build/debug.log" \
		-chardev "socket,id=gdb,path=$server,server=on,wait=off" -gdb chardev:gdb </dev/null &
	qemu=$!
	trap : INT
	trap 'exit 1' HUP TERM
	trap 'kill $qemu 2>/dev/null || true; rm -f "$console" "$server"' EXIT
	while [ ! -S "$console" ] || [ ! -S "$server" ]; do
		kill -0 $qemu 2>/dev/null || { echo "QEMU did not start." >&2; exit 1; }
		sleep 0.1
	done
	RINGLET_BOOT=${BOOT:-} RINGLET_CONSOLE=$console RINGLET_TARGET=$server sh scripts/gdb/gdb.sh
}

case ${WINDOWS:-2} in
2)
	echo "The machine waits for gdb at 127.0.0.1:$port: run \`make gdb\` in another terminal, and type \`continue\` there."
	echo "Here is its console; ^A x ends it."
	echo "${BOOT:-}" >"$boots"
	exec sh scripts/run-qemu "$@" -gdb "tcp:127.0.0.1:$port" -S
	;;
tmux) in_tmux "$@" ;;
1) on_one_terminal "$@" ;;
*)
	echo "WINDOWS=$WINDOWS is none of 1, 2 and tmux." >&2
	exit 1
	;;
esac
