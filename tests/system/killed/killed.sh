#!/bin/sh
# SPDX-License-Identifier: MIT
# killed CASE STEP [FIRST [LAST]]: does what CASE does, again and again, by an rl that is killed when it has made FIRST system
# calls, FIRST + STEP, ... until it ends by itself (/dev/checks of the checked kernel counts). After each: nothing is half there,
# the name is free, and domains, store, memory and files are as they were before. A line "wrong N: ..." if not.
name=$1 step=$2 at=${3:-1} last=${4:-100000} points=0

dying() { sh -c "echo kill $at > /dev/checks; "'exec "$0" "$@"' "$@" > /tmp/killed.out 2>&1; }
wrong() { echo "wrong $at: $*"; }

# Domains, store, memory and files. Of domains that have ended there may be what `rl console` reads, and no more.
state() {
	rl list | awk '{ print $1, $3, $4 }'
	rl store ls /
	rl info | grep free_pages
	find /run/rl /tmp ! -path '/tmp/killed*' | while read -r path; do
		case $path in
		/run/rl/ended/* | /run/rl/domains | /run/rl/console | /run/rl/store/* | /run/rl/domains/*/name | */jobs) continue ;;
		/run/rl/domains/*/record | /run/rl/domains/*/config | /run/rl/domains/*/end | /run/rl/console/*/log) ;;
		/run/rl/*/*/*) echo "$path"; continue ;;
		esac
		id=${path#/run/rl/*/}
		[ -e "/run/rl/ended/${id%%/*}" ] || echo "$path"
	done
}

# Until it is as before; rl-domd has its time.
settle() {
	for wait in 10 50 100 200 500 1000 2000 4000; do
		state > /tmp/killed.now
		cmp -s /tmp/killed.before /tmp/killed.now && return
		usleep ${wait}000
	done
	wrong "not as before: $(diff /tmp/killed.before /tmp/killed.now | grep '^[+-][^+-]' | head -n 8 | tr '\n' ';')"
	cp /tmp/killed.now /tmp/killed.before
}

# $1 is a domain, and runs as if nothing had happened.
whole() {
	rl list "$1" | grep -q '[-r][-b]----' && [ -e "/run/rl/console/$(rl domid "$1")/attached" ] && return
	wrong "$1 is half there: $(rl list "$1" 2>&1 | tail -n 1)"
}

# The name is free, or belongs to a domain that is whole.
have() {
	if ! rl create -q tiny.cfg name="$1" > /tmp/killed.have 2>&1; then
		grep -q 'belongs to domain' /tmp/killed.have || wrong "no $1: $(cat /tmp/killed.have)"
		whole "$1"
	fi
	rl destroy "$1" || wrong "$1 cannot be destroyed"
}

case_create() { dying rl create -q tiny.cfg name=k; }
case_disk() { dying rl create -q tiny.cfg name=k "disk=['/killed.img,raw,xvda,w']"; }
# What is plugged in, and out, is there or is not: the image can be had again at once.
case_attach() {
	rl create -q tiny.cfg name=k && dying rl block-attach k /killed.img,raw,xvda,w
	code=$?
	rl block-detach -f k xvda > /tmp/killed.have 2>&1 || [ $code = 137 ] || wrong "no detach: $(cat /tmp/killed.have)"
	rl block-attach k /killed.img,raw,xvda,w || wrong "cannot be attached again"
	return $code
}
case_create32() { dying rl create -q demo32.cfg name=k memory=16; }
case_fv() { dying rl create -q fv.cfg name=k memory=16; }
case_destroy() { rl create -q tiny.cfg name=k && dying rl destroy k; }
case_shutdown() { rl create -q tiny.cfg name=k && dying rl shutdown k; }
case_rename() {
	rl create -q tiny.cfg name=k && dying rl rename k l
	code=$?
	rl domid k > /tmp/killed.list 2>&1 && rl domid l > /tmp/killed.list 2>&1 && wrong "it has two names"
	have l
	return $code
}
case_pause() {
	rl create -q tiny.cfg name=k && dying rl pause k
	code=$?
	rl list k | grep -q '[-b]p---' && rl unpause k
	return $code
}
case_trace() {
	dying rl trace -o /tmp/killed.trace -t 0.1
	code=$?
	rl trace -o /tmp/killed.trace -t 0.01 > /tmp/killed.have 2>&1 || wrong "no trace: $(cat /tmp/killed.have)"
	return $code
}
# The rl that rl-domd starts: until it has ended once, this script is in its place. Wherever it is killed, k is made again; it then
# reboots again, which is too soon for a third one.
case_restart() {
	rm -f /tmp/killed.code
	rl create -q -p tiny.cfg name=k extra=reboot on_reboot='"restart"' && sleep 1
	printf '#!/bin/sh\nexec /tests/killed --instead %d "$@"\n' "$at" > /tmp/killed.rl
	chmod 755 /tmp/killed.rl && mv /tmp/killed.rl /usr/bin/rl
	before=$(rl.real domid k)
	rl.real unpause k
	until [ -e /tmp/killed.code ]; do usleep 10000; done
	ln /usr/bin/rl.real /usr/bin/rl.back && mv /usr/bin/rl.back /usr/bin/rl
	code=$(cat /tmp/killed.code)
	for wait in 10 50 100 200 500 1000 2000 4000 8000; do
		now=$(ls /run/rl/domains | sort -n | tail -n 1)
		[ "$now" != "$before" ] && grep -q 'reason = "reboot"' "/run/rl/domains/$now/end" 2> /tmp/killed.have && return "$code"
		usleep ${wait}000
	done
	wrong "k is not made again"
	return "$code"
}

if [ "$name" = --instead ]; then
	at=$step
	shift 2
	[ -e /tmp/killed.code ] && exec /usr/bin/rl.real "$@"
	dying rl.real "$@"
	code=$?
	echo $code > /tmp/killed.new && mv /tmp/killed.new /tmp/killed.code
	[ $code = 137 ] && kill -9 $$ # so that rl-domd sees what has happened to rl
	exit $code
fi
[ -e /usr/bin/rl.real ] || ln /usr/bin/rl /usr/bin/rl.real
state > /tmp/killed.before
while [ "$at" -le "$last" ]; do
	"case_$name"
	code=$?
	points=$((points + 1))
	[ $code = 137 ] || [ $code = 0 ] || wrong "exit code $code: $(cat /tmp/killed.out)"
	# The next command comes at once, or when rl-domd has cleared up.
	for wait in 50 100 200 300 500 1000 2000; do
		[ $((points % 2)) = 0 ] && [ -n "$(ls /run/rl/jobs)" ] && usleep ${wait}000
	done
	have k
	settle
	[ $code = 137 ] || break
	at=$((at + step))
done
echo "points $points, the last at $at: $code"
