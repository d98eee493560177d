#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh [SET or package]...: install the Debian packages that are missing: as root, or through sudo where that needs no
# password; otherwise say what to run. The sets are run (scripts/packages.txt; the default), test (packages-test.txt) and
# bochs (packages-bochs.txt). A package that the mirror does not have is reported, and the rest is installed. Costs nothing
# when all are there.
set -eu
PATH=$PATH:/usr/sbin:/sbin # dpkg wants ldconfig and its like
cd "$(dirname "$0")/.."

if ! command -v dpkg-query >/dev/null; then
	echo "setup: this is no Debian system, so nothing is installed; what is needed: make doctor, docs/other-hosts.md" >&2
	exit 0
fi

other=cross
[ "$(uname -m)" = x86_64 ] || other=native
# The lines of the sets and packages that are asked for: a name, [native] or [cross] where it is for one of both, and why.
lines() {
	for what in "${@:-run}"; do
		case $what in
		run) cat scripts/packages.txt ;;
		test | bochs) cat "scripts/packages-$what.txt" ;;
		*) echo "$what" ;;
		esac
	done | grep -v "^[^#]*\[$other\]" | grep -v '^#'
}

wanted=$(lines "$@" | sed 's/[ 	#].*//' | tr '\n' ' ')
# shellcheck disable=SC2086 # a list
have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p' || true)
missing=
for p in $wanted; do
	echo "$have" | grep -qx "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	sudo=
elif sudo -n true 2>/dev/null; then
	sudo=sudo
else
	echo "These Debian packages are missing. As root, run:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "Installing:$missing"
renewed=1
$sudo apt-get update -q || { renewed=; echo "setup: the package index could not be renewed; trying with what is there" >&2; }

# One unknown name would stop apt-get before the first package.
known=
for p in $missing; do
	if apt-cache show --no-all-versions "$p" >/dev/null 2>&1; then
		known="$known $p"
	else
		why=$(lines "$@" | sed -n "s/^$p[ 	]*//p" | sed 's/^\[[a-z]*\] *//; s/^# */: /')
		echo "setup: the mirror has no package $p; what needs it will fail$why" >&2
	fi
done
if [ -z "$known" ]; then
	[ "$renewed" ] && exit 0
	echo "setup: none of them can be had: is there a network, and Debian 12 in /etc/apt/sources.list?" >&2
	exit 1
fi
# shellcheck disable=SC2086 # a list
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $known
