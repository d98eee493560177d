#!/bin/sh
# SPDX-License-Identifier: MIT
# soak rounds N COUNT SECONDS: domains of all kinds live, are used, restarted and ended; the number of a round, from N on,
# decides what comes less often. Each takes SECONDS or more, with a rest. The last line is for how long they took.
# soak memory: when all have ended, what is free, and what each daemon has: KiB and descriptors.
fails() { echo "failed: $*"; }
up() { read -r s _ < /proc/uptime; echo "${s%.*}"; }

# A command to the shell of domain $1; what it says is there, and not only its echo.
say() {
	mark=$(($(up) + $$))
	echo "$2; echo at\$(($mark + 0))" | rl console "$1" > /tmp/soak.said || fails "console of $1"
	grep -q "at$mark" /tmp/soak.said || fails "$1 does not answer \"$2\""
}

living() {
	for kind in demo64 demo32 fv; do
		rl list $kind > /tmp/soak.out 2>&1 || rl create -q $kind.cfg || fails "no $kind"
	done
	for t in 1 2 3 4; do
		rl list quiet$t > /tmp/soak.out 2>&1 || rl create -q tiny.cfg name=quiet$t || fails "no quiet$t"
	done
}

# By its end or by its successor: from now on nothing of it is there.
restart() {
	old=$(rl domid "$1")
	say "$1" :
	rl reboot -w "$1" > /tmp/soak.out 2>&1 || fails "reboot of $1: $(cat /tmp/soak.out)"
	[ "$(rl domid "$1")" != "$old" ] || fails "$1 was not restarted"
}

store() {
	for i in 1 2 3 4 5 6 7 8 9; do rl store write /soak/$i/value "$1" /soak/$i/other "$i" || fails "store write"; done
	rl store watch -t 1 /soak > /tmp/soak.seen &
	usleep 200000
	rl store rm /soak/3 && [ "$(rl store read /soak/9/value)" = "$1" ] || fails "store read"
	wait $!
	grep -q /soak/3 /tmp/soak.seen || fails "no event"
	rl store ls / > /tmp/soak.out && rl store rm /soak || fails "store ls"
}

short_lives() {
	rl create -q -p tiny.cfg name=short && rl rename short brief && rl unpause brief && rl pause brief || fails "pause"
	rl destroy brief || fails "destroy"
	rl create -q demo64.cfg name=two vcpus=2 memory=24 && say two "work -r 1" && rl shutdown -w two > /tmp/soak.out || fails "two vCPUs"
	rl create -q --wait demo32.cfg name=once extra=run=poweroff || fails "power-off"
	rl create -q tiny.cfg name=loud extra="$(echo talk spin | cut -d ' ' -f $(($1 % 2 + 1)))" && usleep 100000 && rl destroy loud || fails "loud"
	rl create -q busy.cfg name=busy && usleep 300000 && rl destroy busy || fails "busy"
	rl create -q --wait crash.cfg
	[ $? = 3 ] || fails "crash"
	# One that is killed while it makes or ends a domain: the next has the name.
	rl create -q tiny.cfg name=killed & usleep $(($1 % 10 * 1000)); kill -9 $!; wait $!
	rl create -q tiny.cfg name=killed > /tmp/soak.out 2>&1 || grep -q belongs /tmp/soak.out || fails "name of a killed one: $(cat /tmp/soak.out)"
	rl destroy killed & usleep $(($1 % 7 * 1000)); kill -9 $!; wait $!
	rl create -q tiny.cfg name=killed > /tmp/soak.out 2>&1 || grep -q belongs /tmp/soak.out || fails "name of a killed one: $(cat /tmp/soak.out)"
	rl destroy killed || fails "destroy"
}

round() {
	living
	for kind in demo64 demo32 fv; do say $kind "work -r 1 > /tmp/sum; seq 1 500 | sha256sum > /tmp/x; rm /tmp/x"; done
	for kind in demo64 demo32; do say $kind "store write data/round $1; store read data/round name; store ls . > /dev/null"; done
	work -r 1 > /tmp/soak.out
	store "$1"
	short_lives "$1"
	rl stats --on && rl trace -o /tmp/soak.trace -t 0.05 -n 2000 demo64 > /tmp/soak.out && rl stats demo64 > /tmp/soak.out && rl stats --off || fails "trace"
	[ "$(rl list | wc -l)" = 9 ] || fails "not the 8 domains: $(rl list)"
	case $(($1 % 4)) in
	0) restart demo64 ;;
	1) restart demo32 ;;
	2) rl destroy fv || fails "destroy" ;;
	3) rl shutdown --timeout=60 demo64 > /tmp/soak.out || fails "shutdown of demo64" ;;
	esac
	rm -f /tmp/soak.*
}

rounds() {
	start=$(up) n=$1
	while [ "$n" -lt $(($1 + $2)) ]; do
		round "$n"
		n=$((n + 1))
		rest=$((start + (n - $1) * $3 - $(up)))
		[ $rest -le 0 ] || sleep $rest
	done
	echo "took $(($(up) - start))"
}

memory() {
	for id in $(rl list | awk 'NR > 2 { print $2 }'); do rl destroy "$id" || fails "destroy"; done
	# What is kept of those that have ended is that of these.
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do rl create -q tiny.cfg name=tiny && rl destroy tiny || fails "tiny"; done
	sleep 3
	rl info | sed -n 's/^free_pages *: */hypervisor /p'
	# The store's log grows and is rewritten, as it comes.
	log=$(cat /run/rl/store/log.* | wc -c)
	echo "Dom0 $(($(sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo) + (log + 4095) / 4096 * 4))"
	for name in rl-stored rl-consoled rl-domd rl-blkd rl-keeper; do
		pid=$(pidof $name) || continue
		pid=${pid%% *} # of rl-keeper there is a second one, which waits
		echo "$name $(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status") $(ls "/proc/$pid/fd" | wc -l)"
	done
}

"$@" 2> /tmp/soak-errors || fails "$1"
cat /tmp/soak-errors
